"""Oracles: NumPy's median of rows, and the share of intervals that hold the population's median."""

import numpy as np
import pytest
from scipy import stats

from trueup.core import Points
from trueup.error import mae, median_absolute_error


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_is_within_half_a_percent_of_the_rows_median(scale):
    rng = np.random.default_rng(1)
    error = scale * rng.standard_t(3, 5_001)
    found = median_absolute_error(np.zeros(5_001), Points(error))
    assert found.value == pytest.approx(np.median(np.abs(error)), rel=5e-3)


def test_weights_count_as_repeated_rows():
    rng = np.random.default_rng(2)
    error, times = rng.normal(size=400), rng.integers(1, 5, 400)
    weighted = median_absolute_error(np.zeros(400), Points(error), weight=times.astype(float))
    repeated = median_absolute_error(np.zeros(times.sum()), Points(np.repeat(error, times)))
    assert weighted.value == pytest.approx(repeated.value, rel=1e-12)


def test_intervals_of_resampled_groups_cover():
    """400 tables; a coverage of .95 has a standard error of .011, so .91 is 3.6 of them away."""
    truth = stats.t(5).ppf(0.75)
    rng, held = np.random.default_rng(3), 0
    for _ in range(400):
        found = median_absolute_error(np.zeros(2_000), Points(rng.standard_t(5, 2_000)))
        held += found.low <= truth <= found.high
    assert 0.91 <= held / 400 <= 0.99


def test_perfect_points_are_off_by_nothing():
    found = median_absolute_error([1.0, 2.0, 3.0], Points([1.0, 2.0, 3.0]))
    assert found.value == 0.0


def test_one_huge_error_moves_the_mean_and_not_the_median():
    error = np.r_[np.linspace(0.5, 1.5, 999), 1e6]
    truth = np.zeros(1_000)
    assert mae(truth, Points(error)).value > 1_000
    assert median_absolute_error(truth, Points(error)).value == pytest.approx(1.0, rel=6e-3)
