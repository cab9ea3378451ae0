"""Oracles: scikit-learn, all monotone maps by brute force, the ends, ties."""

import itertools

import numpy as np
import pytest
from scipy.optimize import isotonic_regression
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from trueup.calibration import IsotonicCalibration
from trueup.calibration.recalibrate.pooled import pooled
from trueup.calibration.recalibrate.steps import distinct, rising
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_factor


def corrected(p, y, weight=None) -> np.ndarray:
    e = Evidence(Probabilities(p), y, weight=weight)
    return IsotonicCalibration().fit(e).apply(e.prediction).probs[:, 1]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("digits", [2, 12])
def test_equals_scikit_learn_inside_the_ends(digits, weighted):
    e = confident_by_factor(2.0, rows=1_000, seed=1).evidence
    p = e.prediction.probs[:, 1].round(digits).clip(1e-6, 1 - 1e-6)
    w = np.random.default_rng(0).integers(1, 4, 1_000) if weighted else np.ones(1_000)
    want = IsotonicRegression().fit_transform(p, e.truth, sample_weight=w)
    found, inside = corrected(p, e.truth, w if weighted else None), (want > 0) & (want < 1)
    assert found[inside] == pytest.approx(want[inside], abs=1e-12) and inside.mean() > 0.9


def test_least_squares_among_all_rising_maps():
    rng = np.random.default_rng(2)
    levels = np.linspace(0, 1, 11)
    for _ in range(10):
        y = rng.integers(0, 2, 5)
        y[:2], y[-2:] = (0, 1), (0, 1)
        found = corrected(np.linspace(0.1, 0.9, 5), y)
        best = min(
            ((np.array(q) - y) ** 2).sum()
            for q in itertools.combinations_with_replacement(levels, 5)
        )
        pooled = IsotonicRegression().fit_transform(np.arange(5), y)
        assert ((pooled - y) ** 2).sum() <= best + 1e-12
        inside = (pooled > 0) & (pooled < 1)
        assert found[inside] == pytest.approx(pooled[inside], abs=1e-12)


def test_no_row_is_ever_said_to_be_impossible():
    """A peer leaves 135 of 100,000 new rows at exactly 0 or 1: one surprise is infinite."""
    learn = confident_by_factor(2.0, shift=0.3, rows=20_000, seed=3).evidence
    new = Probabilities(
        np.r_[0.0, 1.0, confident_by_factor(9.0, rows=5_000).evidence.prediction.probs[:, 1]]
    )
    after = IsotonicCalibration().fit(learn).apply(new).probs[:, 1]
    assert 0 < after.min() and after.max() < 1
    assert IsotonicRegression().fit_transform(learn.prediction.probs[:, 1], learn.truth).min() == 0


def test_the_ends_say_half_a_surprise():
    p, y = np.linspace(0.05, 0.95, 10), np.r_[np.zeros(4), 1, 0, np.ones(4)].astype(int)
    found = corrected(p, y)
    assert found[:4] == pytest.approx(0.5 / 5) and found[-4:] == pytest.approx(1 - 0.5 / 5)
    assert found[4:6] == pytest.approx(0.5)


def test_a_small_block_at_an_end_does_not_overtake_its_large_neighbour():
    """Half a surprise in a block of two is 1/6; the neighbour of a hundred rows says 1/50."""
    p = np.r_[np.full(2, 0.01), np.full(100, 0.2), np.full(50, 0.9)]
    y = np.r_[0, 0, np.arange(100) < 2, np.arange(50) > 5].astype(int)
    found = corrected(p, y)
    assert found[0] == pytest.approx(0.02) and found[2] == pytest.approx(0.02)
    assert (np.diff(found) >= 0).all()


def test_all_right_does_not_crash():
    """An area under the curve of 1 crashes a peer's near-isotonic fit."""
    said = np.linspace(0.1, 0.9, 20)
    found = corrected(said, (said > 0.5).astype(int))
    assert found == pytest.approx(np.repeat([0.5 / 11, 1 - 0.5 / 11], 10))


@pytest.mark.parametrize("digits", [1, 7, 16])
def test_the_fast_order_is_the_stable_order(digits):
    x = np.random.default_rng(digits).normal(size=20_000).round(digits)
    x[:4] = 0.0, -0.0, 1e300, -1e300
    assert np.array_equal(rising(x), np.argsort(x, kind="stable"))
    for few in (x[:0], x[:1], x[:100], np.full(5_000, 0.25)):
        assert np.array_equal(rising(few), np.argsort(few, kind="stable"))


def test_pooled_cells_leave_the_fit_as_it_is():
    """Many rows are not sorted one by one: ties, outliers, weights of 0, steps, flat curves."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=5_000 + 97 * seed) * 10.0 ** rng.integers(-2, 2)
        x = x.round(seed % 4) if seed % 3 == 0 else x
        x[: seed % 5] = -1e6
        y = (rng.random(len(x)) < expit(rng.choice([-1, 0, 0.3, 3]) * x)).astype(float)
        y = (x > 0.0).astype(float) if seed % 7 == 0 else y
        w = rng.choice([0.0, 0.3, 1.0, 2.0], len(x)) if seed % 2 else np.ones(len(x))
        blocks = []
        for scores, mass, came in (pooled(x, y, w), distinct(x, y, w)):
            found = isotonic_regression(came / mass, weights=mass)
            first, last = found.blocks[:-1], found.blocks[1:] - 1
            blocks.append((scores[first], scores[last], found.x[first]))
        for quick, slow in zip(*blocks, strict=True):
            assert quick == pytest.approx(slow, rel=1e-12)
