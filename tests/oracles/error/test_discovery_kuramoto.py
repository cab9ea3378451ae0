"""Discovery of missing physics beside the truth: waves, and how often intervals hold it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trueup.core.windows import Windows
from trueup.error import Discovery, Mesh, polynomials, products
from trueup.error.discovery.proof import forecast_error
from trueup.error.discovery.search import Search
from trueup.worlds.simulators import KuramotoSivashinsky, Lorenz63
from trueup.worlds.simulators.line import Line


LINE = Line(128, 50.0)


def waves(samples: int = 24, intervals: int = 2) -> Windows:
    system = KuramotoSivashinsky(grid=LINE)
    states = system.run(system.spun_up(samples), 1e-3, steps=5 * intervals, every=5)
    return Windows(states.swapaxes(0, 1), 5e-3)


def test_cheap_rules_agree_with_the_exact_one():
    windows = waves()
    model = KuramotoSivashinsky(u_xx=0.5, grid=LINE, integrator="cnab2")
    library = products(Mesh((50 / 128,))).only(["u u_x", "u_xx", "u_xxxx"])
    search = Search(Discovery(library), model, windows)
    states = search.smooth(search.parted(windows.states))
    exact, chained, midpoint = (
        np.stack(list(replace(search.increments, rule=rule).columns(states, search.places)))
        for rule in ("exact", "chained", "midpoint")
    )
    size = np.sqrt(np.mean(exact**2))
    assert np.sqrt(np.mean((chained - exact) ** 2)) < 1e-4 * size
    assert np.sqrt(np.mean((midpoint - exact) ** 2)) < 0.05 * size


def test_a_corrected_model_that_takes_damping_back_stays_bounded():
    model = KuramotoSivashinsky(u_xx=0.5, grid=LINE, integrator="cnab2")
    found = Discovery(products(Mesh((50 / 128,)), powers=2)).fit(model, waves())
    assert [f.name for f in found.terms] == ["u_xx"]
    held = waves(2, 200)
    before, after = (forecast_error(step, held)[:, -1] for step in (model, found.corrected))
    assert after.max() < 0.01 * before.min()


def test_products_with_waves_that_single_states_hide_are_kept():
    """Clean states, seen with the waves that noise leaves clear, and with those that are there."""
    windows, rng = waves(), np.random.default_rng(2)
    noise = 0.05 * windows.states.std() * rng.normal(size=windows.states.shape)
    model = KuramotoSivashinsky(u_ux=0.0, grid=LINE, integrator="cnab2")
    library = products(Mesh((50 / 128,))).only(["u u_x"])
    search = Search(Discovery(library, noise=0.05), model, Windows(windows.states + noise, 5e-3))

    def off(fastest: float) -> float:
        search.waves = fastest
        xx, xy, _ = search.part(search.increments, windows.states, search.places, None).total()
        return abs(float(xy[0] / xx[0, 0]) + 1)

    assert search.cutoff < search.faint and off(search.faint) < 0.2 * off(search.cutoff)


def test_intervals_of_noisy_states_hold_the_truth():
    """Of 40 intervals of 95 % fewer than 33 hold it with probability 1e-3."""
    system, model, held = Lorenz63(), Lorenz63(rho=20.0), 0
    states = system.run(system.spun_up(40), 2e-3, steps=10_000, every=5).swapaxes(0, 1)
    rng = np.random.default_rng(7)
    library = polynomials(("x", "y", "z"), degree=2)
    for clean in states:
        seen = clean + 0.01 * clean.std(axis=0) * rng.normal(size=clean.shape)
        found = Discovery(library, noise=0.01).fit(model, Windows.of(seen, dt=0.01, length=20))
        held += any(f.low <= 8 <= f.high for f in found.terms if f.name == "x")
    assert held >= 33
