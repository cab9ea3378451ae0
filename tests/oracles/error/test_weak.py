"""The weak form: against integrals by parts in closed form, and noise on an open mesh."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy.integrate import quad

from tests.shared_data import shared
from trueup.core.errors import UsageError
from trueup.core.windows import Windows
from trueup.error import Discovery, Mesh, products
from trueup.error.discovery.weak import POWER, functions, integrals


def still(state, dt):
    return state


@pytest.mark.parametrize("order", (1, 2, 3, 4))
def test_rows_of_a_derivative_are_integrals_against_derivatives_of_the_test_function(order):
    x = np.linspace(0, 3, 301)
    mesh = Mesh((x[1],), periodic=(False,), method="weak", edge=60)
    u = lambda s: np.exp(s) * np.sin(2 * s)  # noqa: E731
    found = integrals(mesh.derivative(u(x), (order,))[None, None], mesh)[0]
    bump = Polynomial([1, 0, -1]) ** POWER
    slope, half = bump.deriv(order), 60 * x[1]
    area = (bump.integ()(1) - bump.integ()(-1)) * half
    middles = np.arange(60, 241, 15) * x[1]
    for middle, value in list(zip(middles, found, strict=False))[::4]:
        inner = lambda s, m=middle: u(s) * slope((s - m) / half)  # noqa: E731
        wanted = quad(inner, middle - half, middle + half)[0] * (-1 / half) ** order / area
        # Differences of order 4 on 120 points a test function.
        assert value == pytest.approx(wanted, rel=1e-4, abs=1e-4)


def test_noise_of_a_derivative_is_moved_away():
    x = np.linspace(0, 1, 401)
    mesh = Mesh((x[1],), periodic=(False,), method="weak", edge=60)
    noise = np.random.default_rng(0).normal(size=(1, 1, 401))
    second = mesh.derivative(noise, (2,))
    assert np.std(integrals(second, mesh)) < 1e-4 * np.std(second)


@pytest.mark.parametrize("periodic", (True, False))
def test_test_functions_are_means_of_compact_support(periodic):
    (psi,) = functions(Mesh((0.1,), periodic=(periodic,), method="weak", edge=8), (50,))
    assert psi.sum(axis=1) == pytest.approx(1) and ((psi > 0).sum(axis=1) <= 17).all()
    assert psi.max(axis=0).min() > 0 if periodic else psi[:, 0].max() == 0
    with pytest.raises(UsageError, match="50 points for test functions of 61"):
        functions(Mesh((0.1,), periodic=(periodic,), method="weak", edge=30), (50,))


def test_a_term_that_is_a_derivative_of_a_power_is_taken_so():
    x = np.linspace(0, 1, 101)
    weak = products(Mesh((x[1],), periodic=(False,), method="weak", edge=10), powers=2, orders=2)
    plain = products(Mesh((x[1],), periodic=(False,), method="difference", edge=10), powers=2,
                     orders=2)  # fmt: skip
    states = np.random.default_rng(1).normal(size=(2, 1, 101))
    for name, made, usual in zip(weak.names, weak(states), plain(states), strict=True):
        flux = {"u u_x": (2, states**2), "u^2 u_x": (3, states**3)}.get(name)
        wanted = usual if flux is None else weak.mesh.derivative(flux[1], (1,))[:, 0] / flux[0]
        assert made == pytest.approx(wanted)


def travelling(noise: float) -> np.ndarray:
    """A wave of Burgers' equation u' = -u u_x + 0.1 u_xx, in closed form, in an open window."""
    x, t, mu = np.linspace(-3, 3, 121), np.arange(80)[:, None] * 0.05, 0.1
    # Cole-Hopf: u = -2 mu w_x / w with w a sum of solutions of the heat equation.
    weights, rates = (1.0, 0.5, 2.0), (-4.0, 1.0, 6.0)
    waves = [c * np.exp(k * x + mu * k * k * t) for c, k in zip(weights, rates, strict=True)]
    u = -2 * mu * sum(k * w for k, w in zip(rates, waves, strict=True)) / sum(waves)
    return u + noise * u.std() * np.random.default_rng(0).normal(size=u.shape)


@pytest.mark.parametrize("noise", (0.01, 0.05))
def test_noise_on_an_open_mesh_is_no_match_for_the_weak_form(noise):
    windows = Windows.of(travelling(noise), dt=0.05, length=20, every=2)
    off = {}
    for method, edge in (("weak", 20), ("difference", 6)):
        mesh = Mesh((0.05,), periodic=(False,), method=method, edge=edge)
        library = products(mesh, powers=1, orders=2).only(["u_xx", "u u_x"])
        found = Discovery(library, noise=noise).fit(still, windows)
        off[method] = max(abs(found.value("u u_x") + 1), 10 * abs(found.value("u_xx") - 0.1))
    assert off["weak"] < 0.1 and 5 * off["weak"] < off["difference"]


@pytest.mark.parametrize(
    ("item", "wanted"),
    [("burgers", {"u u_x": -1, "u_xx": 0.1}), ("kdv", {"u u_x": -6, "u_xxx": -1})],
)
def test_equations_are_found_at_five_percent_of_noise_without_a_period(item, wanted):
    with np.load(shared("simulators", f"pde_{item}", "data.npz")) as file:
        states, x = file["u"].T, file["x"]
    states = states + 0.05 * states.std() * np.random.default_rng(0).normal(size=states.shape)
    mesh = Mesh((float(x[1] - x[0]),), periodic=(False,), method="weak")
    windows = Windows.of(states, dt=0.1, length=20, every=4)
    found = Discovery(products(mesh, powers=2, orders=3), noise=0.05).fit(still, windows)
    assert {f.name: f.value for f in found.terms} == pytest.approx(wanted, rel=0.02)


def test_what_open_meshes_and_single_intervals_do_not_tell_is_said():
    """Heat that grows: u_t = 0.05 u_xx + u (1 - u) on a line with ends."""
    x, dt = np.linspace(0, 1, 81), 0.01
    states = [0.3 + 0.2 * np.sin(3 * x) + 0.1 * np.cos(9 * x)]
    for _ in range(200):
        now = states[-1]
        for _ in range(40):
            bent = np.zeros_like(now)
            bent[1:-1] = (now[2:] - 2 * now[1:-1] + now[:-2]) / x[1] ** 2
            now = now + dt / 40 * (0.05 * bent + now * (1 - now) * ((x > 0) & (x < 1)))
        states.append(now)
    seen = np.array(states)
    seen = seen + 0.001 * seen.std() * np.random.default_rng(0).normal(size=seen.shape)
    said = {}
    for method, length, noise in (("weak", 2, 0.001), ("weak", 1, 0.001), ("difference", 2, 0.001),
                                  ("difference", 2, 0.0)):  # fmt: skip
        mesh = Mesh((x[1],), periodic=(False,), edge=10, method=method)
        found = Discovery(products(mesh, powers=2, orders=2), noise=noise).fit(
            lambda state, dt: state,
            Windows.of(seen if noise else np.array(states), dt=dt, length=length),
        )
        said[method, length, noise] = " ".join(found.limits)
        assert all(limit in str(found) for limit in found.limits)
    assert said["weak", 2, 0.001] == ""
    assert said["weak", 1, 0.001].startswith("windows of one interval do not show the error")
    assert "derivatives up to order 2 blow it up" in said["difference", 2, 0.001]
    assert "blow it up" not in said["difference", 2, 0.0]
