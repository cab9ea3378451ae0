"""Oracles: ranks by counting, and smaller robust sets in a world whose attack is known."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from linear_worlds import LinearWorld
from trueup.calibration import PTT, RSCPPlus
from trueup.core.errors import EvidenceError, UsageError


RATE = 1e-4
"""False-alarm rate of each comparison."""


def test_equals_ranks_by_counting():
    rng = np.random.default_rng(0)
    held_out, scores = rng.integers(0, 20, 30), rng.integers(-1, 22, (4, 5))
    found = PTT(steepness=10.0, bend=0.5).fit(held_out)(scores)
    for value, share in zip(scores.ravel(), found.ravel(), strict=True):
        rank = sum(h <= value for h in held_out) / 30
        assert share == pytest.approx(1 / (1 + math.exp(-10 * (rank - 0.5))), rel=1e-12)


def attacked(seed, settings, *, bent, rows, new, draws=128):
    """Whether sets of attacked rows hold the truth, and their sizes; without or with PTT."""
    world, rng = LinearWorld.of(10, apart=4.0, width=12.0), np.random.default_rng([seed, 3])
    x, y = world.drawn(250 + rows + new, rng)
    parts = np.split(np.arange(len(x)), [250, 250 + rows])
    held_out = world.scores(x[parts[0]])[np.arange(250), y[parts[0]]]
    score = PTT(bend=settings.level + 0.05).fit(held_out) if bent else np.asarray
    own = score(world.draws(x[parts[1]], settings.sigma, draws, rng))
    fitted = settings.fit(own[np.arange(rows), y[parts[1]]])
    moved = world.attacked(x[parts[2]], y[parts[2]], settings.radius)
    sets = fitted.sets(score(world.draws(moved, settings.sigma, draws, rng))).members
    return sets[np.arange(new), y[parts[2]]], sets.sum(axis=1)


def test_robust_sets_become_smaller():
    """Scores with a long slope: their sets are nearly full, and a fraction of that with PTT."""
    sizes = [
        np.mean([attacked(seed, RSCPPlus(), bent=bent, rows=300, new=200)[1] for seed in range(3)])
        for bent in (False, True)
    ]
    assert sizes[0] > 9.5 and sizes[1] < 1.5


def test_they_hold_the_truth_as_often_as_said():
    """One new row of each of 200 data sets, under the worst attack: the count is binomial."""
    settings = RSCPPlus(0.8, failure=0.005)
    inside = [
        attacked(seed, settings, bent=True, rows=80, new=1, draws=64)[0][0] for seed in range(200)
    ]
    assert np.sum(inside) >= binom.ppf(RATE, 200, 0.8)


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="steepness is 0"):
        PTT(steepness=0)
    with pytest.raises(UsageError, match="bend 2"):
        PTT(bend=2)
    with pytest.raises(EvidenceError, match="NaN or infinite"):
        PTT().fit([np.nan])
