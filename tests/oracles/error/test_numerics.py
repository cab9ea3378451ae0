"""The solver's own error is no missing term: models of order one, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.windows import Windows
from trueup.error import Discovery, polynomials
from trueup.error.discovery.increments import Increments
from trueup.error.discovery.numerics import Limit, fit_to_choose, limit
from trueup.error.discovery.search import Search


def euler(state, dt):
    """An oscillator without damping, by a step of order one."""
    x, v = state[..., 0], state[..., 1]
    return np.stack([x + dt * v, v - dt * x], -1)


def exact(state, dt):
    x, v = state[..., 0], state[..., 1]
    return np.stack([x * np.cos(dt) + v * np.sin(dt), v * np.cos(dt) - x * np.sin(dt)], -1)


def damped(damping: float, dt: float) -> Windows:
    """x'' = -x - damping x'."""
    t, w = np.arange(4_000) * dt, np.sqrt(1 - damping**2 / 4)
    x = np.cos(w * t)
    v = -damping / 2 * np.cos(w * t) - w * np.sin(w * t)
    return Windows.of(np.exp(-damping / 2 * t)[:, None] * np.stack([x, v], -1), dt=dt, length=4)


@pytest.mark.parametrize("degree", (1, 3))
@pytest.mark.parametrize(("damping", "dt"), [(0.01, 0.02), (0.01, 0.05), (0.1, 0.05)])
def test_the_error_of_a_solver_of_order_one_is_no_missing_term(damping, dt, degree):
    """Its error is up to 80 % of the misses: terms x and v in both equations."""
    library = polynomials(("x", "v"), degree=degree)
    found = Discovery(library).fit(euler, damped(damping, dt))
    assert found.numerics.order == pytest.approx(1, abs=0.01)
    assert {(f.component, f.name): f.value for f in found.terms} == pytest.approx(
        {("v", "v"): -damping}, rel=1e-3
    )
    assert found.explained > 0.9999


def test_misses_in_the_limit_are_those_of_the_exact_model():
    windows, library = damped(0.01, 0.05), polynomials(("x", "v"), degree=1)
    crude, fine = (Search(Discovery(library), step, windows) for step in (euler, exact))
    wanted = fine.increments.misses(windows.states)
    off = [np.abs(inc.misses(windows.states) - wanted).max() / np.abs(wanted).max()
           for inc in (crude.increments, limit(crude))]  # fmt: skip
    assert off[0] > 1 and off[1] < 2e-3
    columns = [np.stack(list(inc.columns(windows.states, crude.places)))
               for inc in (limit(crude), fine.increments, crude.increments)]  # fmt: skip
    off = [np.abs(c - columns[1]).max() for c in columns]
    assert off[0] < 0.05 * off[2]


def test_the_choice_pays_for_smaller_steps_only_where_they_matter():
    windows, library = damped(0.01, 0.05), polynomials(("x", "v"), degree=1)
    crude, fine = (Search(Discovery(library), step, windows) for step in (euler, exact))
    assert isinstance(fit_to_choose(crude, crude.increments), Limit)
    assert isinstance(fit_to_choose(fine, fine.increments), Increments)


def test_a_model_that_takes_one_time_step_alone_is_taken_as_it_is():
    def fixed(state, dt):
        if abs(dt - 0.05) > 1e-9:
            raise ValueError(f"dt is {dt}")
        return exact(state, dt)

    library = polynomials(("x", "v"), degree=1)
    found = Discovery(library).fit(fixed, damped(0.1, 0.05))
    assert found.numerics is None and found.value("v") == pytest.approx(-0.1, abs=1e-5)
