"""Sampling in time: waves that move too far, and intervals that hold the error of the sums."""

from __future__ import annotations

import numpy as np
import pytest

from tests.shared_data import shared
from trueup.core.simulator import run
from trueup.core.windows import Windows
from trueup.error import Discovery, Mesh, polynomials, products
from trueup.worlds.simulators import Lorenz63


WANTED = {("x", "x"): -10, ("x", "y"): 10, ("y", "x"): 28, ("y", "y"): -1, ("y", "x z"): -1,
          ("z", "z"): -8 / 3, ("z", "x y"): 1}  # fmt: skip


def still(state, dt):
    return state


@pytest.fixture(scope="module")
def states() -> np.ndarray:
    system = Lorenz63()
    return run(system, system.initial(1)[0], dt=0.001, steps=40_000)[1_000:]


@pytest.mark.parametrize("every", (10, 20, 40, 60))
@pytest.mark.parametrize("length", (2, 4))
def test_intervals_hold_the_error_of_coarse_sampling(states, every, length):
    library = polynomials(("x", "y", "z"), degree=2)
    windows = Windows.of(states[::every], dt=0.001 * every, length=length)
    found = Discovery(library).fit(still, windows)
    assert {(f.component, f.name) for f in found.terms} == WANTED.keys()
    for f in found.terms:
        assert f.low <= WANTED[f.component, f.name] <= f.high
    assert (found.quadrature.share > 1e-3) == (every > 20) == ("too far apart" in str(found))


@pytest.mark.parametrize("every", (5, 10, 20))
@pytest.mark.parametrize("length", (3, 5, 15))
def test_windows_of_an_odd_length_hold_the_error_too(states, every, length):
    library = polynomials(("x", "y", "z"), degree=2)
    windows = Windows.of(states[::every], dt=0.001 * every, length=length)
    found = Discovery(library).fit(still, windows)
    assert found.quadrature.share > 0
    for f in found.terms:
        assert f.low <= WANTED.get((f.component, f.name), 0) <= f.high


def test_the_error_of_integrals_falls_at_order_four(states):
    library = polynomials(("x", "y", "z"), degree=2)
    shares = [
        Discovery(library)
        .fit(still, Windows.of(states[::every], dt=0.001 * every, length=4))
        .quadrature.share
        for every in (10, 20)
    ]
    assert np.log2(shares[1] / shares[0]) == pytest.approx(4, abs=0.5)


def test_waves_that_come_back_at_any_phase_are_left_out():
    """u' = u_xxx: wave k turns by k^3 dt between two states; beyond 0.7 nothing is read from it."""
    x, t = np.arange(256) * 2 * np.pi / 256, np.arange(200)[:, None] * 0.004
    rng = np.random.default_rng(0)
    u = sum(np.exp(-k / 8) * np.cos(k * x - k**3 * t + rng.uniform(0, 6)) for k in range(1, 60))
    found = Discovery(products(Mesh((x[1],)), powers=1, orders=3)).fit(
        still, Windows.of(u, dt=0.004, length=4, every=2)
    )
    turn = 2 * np.arcsin(np.sqrt(0.5) / 2)
    assert found.quadrature.cutoff == pytest.approx((turn / 0.004) ** (1 / 3), abs=2)
    assert [f.name for f in found.terms] == ["u_xxx"]
    assert found.value("u_xxx") == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("length", (2, 4))
@pytest.mark.parametrize(
    ("item", "wanted"),
    [("burgers", {"u u_x": -1, "u_xx": 0.1}), ("kdv", {"u u_x": -6, "u_xxx": -1})],
)
def test_whole_equations_of_simulated_waves(item, wanted, length):
    """Differences in time give -5.122 and -0.709 for the -6 and -1 of Korteweg and de Vries."""
    with np.load(shared("simulators", f"pde_{item}", "data.npz")) as file:
        states, x = file["u"].T, file["x"]
    library = products(Mesh((float(x[1] - x[0]),)))
    found = Discovery(library).fit(still, Windows.of(states, dt=0.1, length=length, every=1))
    assert {f.name: f.value for f in found.terms} == pytest.approx(wanted, rel=1e-4)
    assert found.quadrature.cutoff < found.settings.library.mesh.lengths(x.shape).max() / 1.5
