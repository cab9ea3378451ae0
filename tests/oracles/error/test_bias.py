"""Oracles: NumPy's weighted mean, and the closed form of the interval of a mean."""

import numpy as np
import pytest
from scipy import stats

from trueup.core import Points
from trueup.error import bias


@pytest.mark.parametrize("weighted", [False, True])
def test_is_the_mean_of_predicted_minus_true(weighted):
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=500), rng.normal(0.3, 1, 500)
    w = rng.exponential(size=500) if weighted else None
    assert bias(y, Points(p), weight=w).value == pytest.approx(np.average(p - y, weights=w))


def test_plain_arrays_are_points():
    assert bias([1.0, 2.0], [0.0, 0.0]).value == -1.5


def test_interval_is_that_of_a_mean():
    rng = np.random.default_rng(1)
    error = rng.normal(0.2, 1, 20_000)
    found = bias(np.zeros(20_000), Points(error))
    low, high = stats.t.interval(0.95, 19_999, error.mean(), stats.sem(error))
    assert (found.high - found.low) == pytest.approx(high - low, rel=0.2)
    assert found.low < 0.2 < found.high
