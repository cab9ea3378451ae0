"""Oracles: the walk of sorted rows."""

import numpy as np
import pytest

from trueup.calibration import ks_error, kuiper_error
from trueup.core import cube_of
from trueup.worlds import confident_by_factor


def walk(y, p, w=None) -> np.ndarray:
    """Cumulative residuals in the order of the scores, 0 first."""
    w = np.ones(len(p)) if w is None else w
    order = np.argsort(p, kind="stable")
    return np.concatenate([[0.0], np.cumsum((w * (y - p))[order])]) / w.sum()


@pytest.mark.parametrize("factor", [2.0, 0.5, 1.0])
def test_equals_the_walk_over_rows(factor):
    """200 distinct scores lie in bins of their own, but for a few pairs."""
    p = np.linspace(0.003, 0.997, 200)
    y = (np.random.default_rng(1).random(200) < 1 / (1 + (1 / p - 1) ** (1 / factor))).astype(int)
    w = np.random.default_rng(2).exponential(size=200)
    for weight in (None, w):
        path = walk(y, p, weight)
        found = [m(y, p, weight=weight).value for m in (ks_error, kuiper_error)]
        assert found == pytest.approx([np.abs(path).max(), path.max() - path.min()], abs=1e-9)


def test_many_rows_lose_little_within_bins():
    e = confident_by_factor(2.0, shift=0.3, rows=100_000, seed=3).evidence
    path = walk(e.truth, e.prediction.probs[:, 1])
    chance = 0.5 / np.sqrt(100_000)
    for measure, want in ((ks_error, np.abs(path).max()), (kuiper_error, np.ptp(path))):
        for value in (measure(e.truth, e.prediction).value, measure.estimate(cube_of(e)).value):
            assert want - 0.1 * chance < value <= want + 1e-12


def test_numbers_of_mapie():
    """MAPIE 1.6.0 divides by the scale .0076606 and adds jitter to the scores: 4.78522, 9.26349."""
    e = confident_by_factor(2.0, shift=0.3, rows=2_000, seed=7).evidence
    p = e.prediction.probs[:, 1]
    scale = np.sqrt((p * (1 - p)).sum()) / 2_000
    assert scale == pytest.approx(0.0076606174, abs=1e-10)
    found = [m(e.truth, p).value / scale for m in (ks_error, kuiper_error)]
    assert found == pytest.approx([4.7852225, 9.2634854], rel=6e-3)
    path = walk(e.truth, p)
    assert found[0] == pytest.approx(np.abs(path).max() / scale, rel=1e-3)


def test_order_within_ties_does_not_matter():
    """A peer breaks ties by noise or by file order: its value then depends on either."""
    p = np.repeat([0.4, 0.6], 500)
    y = (np.random.default_rng(0).random(1_000) < 0.5).astype(int)
    values = {
        round(ks_error(y[order], p[order]).value, 12)
        for order in (np.lexsort((y, p)), np.lexsort((-y, p)), np.arange(1_000))
    }
    assert len(values) == 1


def test_kuiper_sees_what_cancels():
    p = np.r_[np.full(500, 0.3), np.full(500, 0.7)]
    y = np.r_[np.arange(500) % 10 < 5, np.arange(500) % 10 < 5].astype(int)
    assert ks_error(y, p).value == pytest.approx(0.1, abs=1e-12)
    p = np.r_[np.full(500, 0.2), np.full(500, 0.5), np.full(500, 0.8)]
    y = np.r_[np.arange(500) % 10 < 3, np.arange(500) % 10 < 3, np.arange(500) % 10 < 9].astype(int)
    assert ks_error(y, p).value == pytest.approx(0.1 / 3, abs=1e-12)
    assert kuiper_error(y, p).value == pytest.approx(0.2 / 3, abs=1e-12)
