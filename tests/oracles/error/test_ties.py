"""Tied coefficients: against the Karush-Kuhn-Tucker system, a null space, a conservation law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import null_space

from trueup.core.errors import UsageError
from trueup.core.windows import Windows
from trueup.error import Discovery, Mesh, polynomials, products
from trueup.error.discovery.estimate import coefficients, resamples
from trueup.error.discovery.grams import Grams
from trueup.error.discovery.ties import free


def still(state, dt):
    return state


@pytest.mark.parametrize("many", (0, 1, 3))
def test_free_coefficients_span_the_null_space(many):
    rng = np.random.default_rng(many)
    equalities = rng.normal(size=(many, 7))
    basis = free(np.concatenate([equalities, equalities[:1]]))
    wanted = null_space(equalities) if many else np.eye(7)
    assert basis.shape == wanted.shape
    assert basis @ np.linalg.pinv(basis) == pytest.approx(wanted @ wanted.T, abs=1e-10)


def test_tied_least_squares_solves_the_karush_kuhn_tucker_system():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(4, 30, 5)), rng.normal(size=(30, 5))
    ties = np.array([[1.0, -1, 0, 0], [0, 2, 1, 1]])
    grams = Grams.of(x, y, np.zeros(5, dtype=int))
    counts = resamples(30, seed=0)
    found = coefficients(grams, grams, [], counts, level=0.95, basis=free(ties))
    flat, target = x.reshape(4, -1), y.ravel()
    system = np.block([[flat @ flat.T, ties.T], [ties, np.zeros((2, 2))]])
    wanted = np.linalg.solve(system, np.concatenate([flat @ target, np.zeros(2)]))[:4]
    assert found.values == pytest.approx(wanted, abs=1e-10)
    assert ties @ found.values == pytest.approx(0, abs=1e-12)
    assert ties @ found.draws.T == pytest.approx(0, abs=1e-10)


def epidemic(noise: float, seed: int = 0) -> Windows:
    """Shares of people: s' = -0.5 s i, i' = 0.5 s i - 0.1 i, r' = 0.1 i."""
    rng = np.random.default_rng(seed)
    state, seen = np.array([0.99, 0.01, 0.0]), []
    for _ in range(3_000):
        seen.append(state)
        s, i = state[:2]
        for _ in range(4):
            middle = np.array([s - 0.025 / 8 * s * i, i + 0.025 / 8 * (s * i - 0.2 * i)])
            s, i = s - 0.025 / 4 * np.prod(middle), i + 0.025 / 4 * middle[1] * (middle[0] - 0.2)
        state = np.array([s, i, 1 - s - i])
    states = np.array(seen)
    states += noise * states.std(axis=0) * rng.normal(size=states.shape)
    return Windows.of(states[200:1_400], dt=0.05, length=20)


NAMES = ("s", "i", "r")
KEPT = [{(c, term): 1.0 for c in NAMES} for term in ("i", "s i")]


def test_a_conservation_law_holds_exactly_and_sharpens_the_coefficients():
    library = polynomials(NAMES, degree=2).only(["s", "i", "s i", "i^2"])
    others = [{(c, term): 1.0 for c in NAMES} for term in ("s", "i^2")]
    wanted = {("s", "s i"): -0.5, ("i", "s i"): 0.5, ("i", "i"): -0.1, ("r", "i"): 0.1}
    off = {True: [], False: []}
    for seed in range(8):
        windows = epidemic(0.003, seed)
        for tied in off:
            tried = library.tied(*KEPT, *others) if tied else library
            found = Discovery(tried, noise=0.003).fit(still, windows)
            values = {(f.component, f.name): f.value for f in found.terms}
            off[tied] += [values.get(pair, 0.0) - number for pair, number in wanted.items()]
            if tied:
                assert values.keys() == wanted.keys()
                assert found.value("s i", "s") == pytest.approx(-found.value("s i", "i"))
    assert np.std(off[True]) < np.std(off[False])


def test_equal_diffusion_is_one_coefficient():
    """Two heat equations with one diffusivity: tied, both have the same value and interval."""
    x = np.arange(64) * 2 * np.pi / 64
    t = np.arange(60) * 0.02
    mesh = Mesh((x[1],))
    rng = np.random.default_rng(0)
    phases = rng.uniform(0, 6, (2, 6))
    u, v = (
        sum(np.exp(-0.3 * k * k * t)[:, None] * np.sin(k * x + a) for k, a in enumerate(row, 1))
        for row in phases
    )
    states = np.stack([u, v], axis=1)
    states += 0.001 * rng.normal(size=states.shape)
    library = products(mesh, powers=1, orders=2, components=("u", "v"))
    tied = library.tied({("u", "u_xx"): 1, ("v", "v_xx"): -1})
    found = Discovery(tied, noise=0.0015).fit(still, Windows.of(states, dt=0.02, length=4, every=1))
    one, two = found.terms
    assert (one.name, two.name) == ("u_xx", "v_xx") and (one.component, two.component) == tuple(
        "uv"
    )
    assert (one.value, one.low) == pytest.approx((two.value, two.low))
    assert one.value == pytest.approx(0.3, abs=0.003)


def test_ties_are_checked_and_follow_the_terms():
    library = polynomials(NAMES, degree=2, equations=("s", "i"))
    tied = library.tied({("s", "s i"): 1, ("i", "s i"): 1, ("i", "i"): 2})
    assert tied.only(["i", "s"]).ties == (((("i", "i"), 2.0),),)
    assert tied.without(["i", "s i"]).ties == ()
    assert len((tied + library).ties) == 1
    with pytest.raises(UsageError, match="no term 's j'"):
        library.tied({("s", "s j"): 1})
    with pytest.raises(UsageError, match="whose equation misses nothing"):
        library.tied({("r", "i"): 1})


def test_a_term_that_a_tie_leaves_nothing_but_zero_is_out():
    library = polynomials(NAMES, degree=2).only(["i", "s i"]).tied({("s", "s i"): 1.0})
    found = Discovery(library).fit(still, epidemic(0.0))
    assert found.value("s i", "s") == 0 and found.value("s i", "i") == pytest.approx(0.5, abs=0.01)
