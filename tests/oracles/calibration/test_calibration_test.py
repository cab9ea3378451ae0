"""Oracles: the chi-squared law by hand, Poisson's law, and a power that is not zero."""

import numpy as np
import pytest
from scipy import stats

from p_values import under_dependence
from trueup.calibration import calibration_test
from trueup.calibration.measures.calibration_test import fair_bins, null_variance
from trueup.core import Evidence, Probabilities
from trueup.worlds import autocorrelated, clustered, confident_by_factor


def crowded(rows: int, **options):
    """Clusters of forty that share most of their luck."""
    return clustered(rows, icc=0.6, mean_size=40, **options)


def test_distinct_scores_have_a_closed_form():
    said = np.repeat([0.2, 0.5, 0.9], 40)
    happened = (np.arange(120) % 3 == 0).astype(int)
    square = sum(
        (happened[said == p].sum() - 40 * p) ** 2 / (40 * p * (1 - p)) for p in (0.2, 0.5, 0.9)
    )
    found = calibration_test(happened, said)
    assert found.value == pytest.approx(stats.chi2.sf(square, 3), rel=1e-9)
    assert np.isnan(found.low) and found.n == 120


def test_few_expected_surprises_are_poisson():
    said = np.full(100, 0.01)
    for surprises in (0, 1, 4, 6):
        happened = np.zeros(100, int)
        happened[:surprises] = 1
        tails = stats.poisson.sf(surprises - 1, 1.0), stats.poisson.cdf(surprises, 1.0)
        want = min(1.0, 2 * min(tails))
        assert calibration_test(happened, said).value == pytest.approx(want, rel=1e-9)


def test_bins_are_joined_until_the_normal_law_is_fair():
    cube = calibration_test.cube(confident_by_factor(3.0, rows=300, seed=1).evidence)
    part = fair_bins(cube, bins=15)
    variance = null_variance(cube, part).sum(axis=0)
    assert (variance >= 2 - 1e-9).all() and len(variance) >= 5
    p = Probabilities(np.r_[np.full(1_000, 1e-5), np.full(200, 0.5)])
    skewed = calibration_test.cube(Evidence(p, np.zeros(1_200, int)))
    assert (null_variance(skewed, fair_bins(skewed, bins=15)).sum(axis=0) >= 2).all()


def test_weights_of_any_unit_give_the_same():
    e = confident_by_factor(1.2, rows=800, seed=2).evidence
    plain = calibration_test(e.truth, e.prediction).value
    for unit in (1 / 800, 7.0):
        weighted = calibration_test(e.truth, e.prediction, weight=np.full(800, unit)).value
        assert weighted == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("world", [crowded, autocorrelated])
def test_dependence_is_not_taken_for_miscalibration(world):
    """Median p-value of calibrated tables: near one half, and near zero if rows stood alone."""
    honest, naive = under_dependence(calibration_test, world)
    assert 0.2 < honest < 0.8 and naive < 0.2


@pytest.mark.parametrize("world", [clustered, autocorrelated])
def test_it_still_has_power(world):
    e = world(4_000, factor=2.0, seed=1).evidence
    assert calibration_test.estimate(calibration_test.cube(e)).value < 0.01
