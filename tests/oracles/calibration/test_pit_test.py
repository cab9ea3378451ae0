"""Oracles: SciPy's chi-squared test, and power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare, norm

from forecast_worlds import WORLDS
from trueup.calibration import pit_test
from trueup.worlds import forecasts


def test_independent_rows_are_the_chi_squared_test():
    e = forecasts("normal", spread=0.95, rows=1_000).evidence
    share = norm.cdf(e.truth, e.prediction.mean, e.prediction.sd)
    want = chisquare(np.histogram(share, np.linspace(0, 1, 11))[0]).pvalue
    assert pit_test(e.truth, e.prediction).value == pytest.approx(want, rel=1e-9)


def test_ranks_are_the_chi_squared_test():
    e = forecasts("ensemble", members=7, rows=1_000).evidence
    ranks = (e.prediction.members < e.truth[:, None]).sum(axis=1)
    want = chisquare(np.bincount(ranks, minlength=8)).pvalue
    assert pit_test(e.truth, e.prediction).value == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("world", WORLDS)
def test_sees_too_little_spread_through_dependence(world):
    e = WORLDS[world]("normal", rows=4_000, seed=1, spread=0.6)
    assert pit_test(e.truth, e.prediction, cluster=e.cluster, time=e.time).value < 0.01


def test_few_rows_have_few_bins():
    e = forecasts("normal", rows=12).evidence
    assert pit_test.cube(e).table.shape[-1] == 2 and 0 < pit_test(e.truth, e.prediction).value <= 1
