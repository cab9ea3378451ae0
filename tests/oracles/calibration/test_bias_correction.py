"""Oracles: NumPy's mean, median and least squares."""

import numpy as np
import pytest

from trueup.calibration import BiasCorrection
from trueup.core import Ensemble, Evidence, FitError, Intervals, Normal, Points, Quantiles
from trueup.core.laws import NUMBERS, mean_of, sd_of
from trueup.worlds import forecasts


@pytest.mark.parametrize("kind", NUMBERS)
def test_the_mean_error_is_taken_off(kind):
    e = forecasts(kind, bias=0.5, rows=500).evidence
    weight = np.random.default_rng(0).exponential(size=500)
    fitted = BiasCorrection().fit(Evidence(e.prediction, e.truth, weight=weight))
    after = fitted.apply(e.prediction)
    shift = np.average(e.truth - mean_of(e.prediction), weights=weight)
    assert mean_of(after) - mean_of(e.prediction) == pytest.approx(np.full(500, shift), abs=1e-12)
    assert sd_of(after) == pytest.approx(sd_of(e.prediction), abs=1e-12)


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_line_is_that_of_least_squares(kind):
    e = forecasts(kind, rows=500).evidence
    weight = np.random.default_rng(1).exponential(size=500)
    truth = 3.0 - 0.5 * e.truth
    fitted = BiasCorrection(line=True).fit(Evidence(e.prediction, truth, weight=weight))
    slope, shift = np.polyfit(mean_of(e.prediction), truth, 1, w=np.sqrt(weight))
    assert list(fitted.map.parameters.values()) == pytest.approx([slope, shift], rel=1e-9)
    middle, after = mean_of(e.prediction), fitted.apply(e.prediction)
    assert mean_of(after) == pytest.approx(shift + slope * middle, abs=1e-9)
    assert sd_of(after) == pytest.approx(sd_of(e.prediction), abs=1e-9)


def test_the_median_error_withstands_outliers_and_counts_weights():
    truth = np.array([1.0, 2.0, 3.0, 1e9])
    fitted = BiasCorrection(centre="median").fit(Evidence(Points(np.zeros(4)), truth))
    assert fitted.map.parameters["shift"] == np.median(truth)
    weight = np.array([3, 1, 0, 2])
    e = Evidence(Points(np.zeros(4)), truth, weight=weight)
    found = BiasCorrection(centre="median").fit(e).map.parameters["shift"]
    assert found == np.median(np.repeat(truth, weight))


def test_equal_middles_have_no_slope():
    fitted = BiasCorrection(line=True).fit(Evidence(Points([2.0, 2.0]), [1.0, 5.0]))
    assert not fitted.converged
    assert fitted.apply(Points([2.0])).values == pytest.approx([3.0])


def test_ends_move_along():
    for said in (Intervals([0.0], [2.0], 0.9), Quantiles([0.1, 0.5], [[0.0, 2.0]]),
                 Ensemble([[0.0, 2.0]]), Normal([1.0], [2.0])):  # fmt: skip
        after = BiasCorrection().fit(Evidence(said, [4.0])).apply(said)
        assert mean_of(after) == pytest.approx([4.0])


def test_a_centre_that_is_none_is_an_error():
    with pytest.raises(FitError, match=r"BiasCorrection: centre is 'mode', line is False"):
        BiasCorrection(centre="mode")
    with pytest.raises(FitError, match=r"a line goes with mean"):
        BiasCorrection(centre="median", line=True)
