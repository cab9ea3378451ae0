"""Bands of curves: the jackknife at each point, and the largest error of all points."""

import numpy as np
import pytest
from scipy.stats import norm

from trueup.core import Curve, Estimate
from trueup.core.jackknife import Replicates, interval


def means(rows: np.ndarray, **options) -> Curve:
    """Means of columns of ``rows`` (g, m), a group a row."""
    g = len(rows)
    without = (rows.sum(axis=0) - rows) / (g - 1)
    sizes = np.ones(g)
    options = {"level": 0.95, "simultaneous": False, "few": 0.0, **options}
    x = np.arange(rows.shape[1])
    return Curve.of(x, without, rows.mean(axis=0), sizes=sizes, n=g, **options)


def test_points_have_the_interval_of_the_jackknife():
    rows = np.random.default_rng(0).normal(size=(40, 5))
    curve = means(rows)
    for j, point in enumerate(curve):
        parts = np.stack([rows[:, j], np.ones(40)], axis=1)
        made = Replicates.of(parts, lambda s: s[:, 0] / s[:, 1], sizes=np.ones(40))
        low, high, _ = interval(made, level=0.95)
        assert [point.low, point.high] == pytest.approx([low, high])
    assert isinstance(curve.at(3), Estimate) and curve.at(3.4) == list(curve)[3]


def test_simultaneous_band_of_independent_points_is_that_of_their_maximum():
    rows = np.random.default_rng(1).normal(size=(400, 50))
    wide, narrow = means(rows, simultaneous=True), means(rows)
    ratio = ((wide.high - wide.low) / (narrow.high - narrow.low)).mean()
    share = 1 - (1 - 0.95 ** (1 / 50)) / 2
    assert ratio == pytest.approx(norm.ppf(share) / norm.ppf(0.975), rel=0.03)
    assert "simultaneous" in wide.how and wide.simultaneous


def test_few_widens_only_what_varies():
    rows = np.random.default_rng(2).normal(size=(40, 3))
    rows[:, 1] = 0.5
    plain, wide = means(rows), means(rows, few=np.ones(3))
    assert (wide.high - wide.low)[1] == 0.0
    assert ((wide.high - wide.low)[[0, 2]] > 5 * (plain.high - plain.low)[[0, 2]]).all()


def test_one_group_has_no_band():
    options = {"n": 9, "level": 0.95, "simultaneous": True, "few": 0.0}
    curve = Curve.of(np.arange(4), np.zeros((1, 4)), np.zeros(4), sizes=np.ones(1), **options)
    assert np.isnan(curve.low).all() and curve.how == "no band: too few groups of rows"
