"""Oracles: a limit in closed form, runs put together again, and states whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from trueup.core import EvidenceError, UsageError
from trueup.core.windows import Windows
from trueup.error import Discovery, EnsembleFilter, Smoothed, discover, polynomials
from trueup.error.discovery.search import Search
from trueup.error.discovery.smoothed import _limit, series
from trueup.worlds.simulators import Lorenz63


LIBRARY = polynomials(("x", "y", "z"), degree=1)
MODEL, MISSING = Lorenz63(rho=20.0), 8.0
LENGTH, DT = 20, 0.01


@pytest.fixture(scope="module")
def truth():
    """(times, 3) states on the attractor."""
    system = Lorenz63()
    return system.run(system.spun_up(1, seed=5), 2e-3, steps=5 * 1_200, every=5)[:, 0]


@pytest.fixture(scope="module")
def seen(truth):
    rng = np.random.default_rng(11)
    return truth + 0.1 * truth.std(axis=0) * rng.normal(size=truth.shape)


@pytest.fixture(scope="module")
def plain(seen):
    windows = Windows.of(seen, dt=DT, length=LENGTH)
    return Discovery(LIBRARY, noise=0.1).fit(MODEL, windows)


def test_rounds_that_close_in_by_a_share_reach_their_limit(plain):
    """Rounds 3 + 2 (.6)^k have the limit 3, errors that add up to 1 / (1 - .6), and moved by 2."""
    first = plain.terms[0]
    rounds = [
        replace(plain, terms=(replace(first, value=v, sd=0.1, low=v - 0.2, high=v + 0.3),))
        for v in 3 + 2 * 0.6 ** np.arange(4)
    ]
    found = _limit(rounds).terms[0]
    assert found.value == pytest.approx(3) and found.sd == pytest.approx(np.hypot(0.25, 1))
    assert (found.low, found.high) == pytest.approx((2.5 - 2, 3.75 + 2))
    still = [rounds[-1]] * 3
    assert _limit(still).terms == rounds[-1].terms


@pytest.mark.parametrize("every", (2, 4, 6))
def test_a_run_is_put_together_again(every):
    run = np.random.default_rng(0).normal(size=(23, 2))
    windows = Windows.of(run, dt=0.1, length=4, every=every)
    found, places = series(windows)
    assert np.array_equal(found[places], windows.states)
    gaps = np.isnan(found).any(axis=1)
    assert gaps.any() == (every == 6) and np.array_equal(found[~gaps], run[: len(found)][~gaps])


def test_smoothed_states_are_nearer_to_the_truth(truth, seen, plain):
    how = Smoothed(0.1)
    windows = Windows.of(seen, dt=DT, length=LENGTH)
    search = Search(replace(plain.settings, noise=0.1), MODEL, windows)
    states, left = how.states(plain.corrected, seen, search, DT, 0)
    off = np.sqrt(np.mean((states - truth)[LENGTH:] ** 2, axis=0))
    assert (off < 0.4 * 0.1 * truth.std(axis=0)).all()
    assert 0 < left < 0.1 * 0.4


def test_a_wrong_model_pulls_less_from_round_to_round(seen, plain):
    """What the search finds on states smoothed with a model off by 0.8 is off by less than half."""
    how, windows = Smoothed(0.1), Windows.of(seen, dt=DT, length=LENGTH)
    search = Search(replace(plain.settings, noise=0.1), MODEL, windows)
    found = []
    for rho in (28.0, 27.2):
        states, left = how.states(Lorenz63(rho=rho), seen, search, DT, 0)
        cut = Windows.of(states[1:], dt=DT, length=LENGTH)
        found.append(Discovery(LIBRARY, noise=left).fit(MODEL, cut).value("x", "y"))
    assert 0 < found[0] - found[1] < 0.4 and found[0] == pytest.approx(MISSING, abs=0.2)


def test_the_missing_term_is_found_and_its_interval_holds_it(seen, plain):
    found = discover(MODEL, seen, dt=DT, length=LENGTH, library=LIBRARY, noise=Smoothed(0.1))
    (one,), (other,) = found.terms, plain.terms
    assert (one.component, one.name) == ("y", "x") and one.low < MISSING < one.high
    # Its interval holds how far smoothing moved the coefficient, and may be the wider one.
    assert abs(one.value - MISSING) < 0.5 * abs(other.value - MISSING)
    assert found.rows.ids.tolist() == plain.rows.ids.tolist() and found.noise == plain.noise
    again = discover(MODEL, seen, dt=DT, length=LENGTH, library=LIBRARY, noise=Smoothed(0.1))
    assert again.terms == found.terms


def test_nothing_is_smoothed_where_nothing_is_missing(seen):
    found = discover(Lorenz63(), seen, dt=DT, length=LENGTH, library=LIBRARY, noise=Smoothed(0.1))
    assert not found.terms


def test_misuse_says_what_is_wrong(seen):
    windows = Windows.of(seen, dt=DT, length=LENGTH)
    alone = Windows(windows.states, DT)
    with pytest.raises(EvidenceError, match="windows have no starts"):
        Discovery(LIBRARY, noise=Smoothed(0.1)).fit(MODEL, alone)
    steps = SimpleNamespace(step=MODEL.step)
    with pytest.raises(UsageError, match="one of steps or driven"):
        Discovery(LIBRARY, noise=Smoothed(0.1), target="per step").fit(steps, windows)
    with pytest.raises(UsageError, match="with a smoother"):
        Smoothed(0.1, filter=EnsembleFilter())
    with pytest.raises(UsageError, match="1 rounds"):
        Smoothed(0.1, rounds=1)
