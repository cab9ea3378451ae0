"""Oracles: the normal law by hand, both directions, and dependence."""

import numpy as np
import pytest
from scipy.stats import norm

from p_values import under_dependence
from trueup.calibration import calibration_test, spiegelhalter_test, spiegelhalter_z
from trueup.worlds import autocorrelated, clustered, confident_by_factor


def of(measure, e, **roles):
    """The estimate on evidence, with the roles that are told."""
    return measure(e.truth, e.prediction, **roles).value


def test_is_the_two_sided_tail_of_z():
    for factor in (1.1, 0.9, 1.0):
        e = confident_by_factor(factor, rows=1_000, seed=3).evidence
        z = of(spiegelhalter_z, e)
        assert of(spiegelhalter_test, e) == pytest.approx(2 * norm.sf(abs(z)), rel=1e-9)


def test_a_timid_model_is_found_too():
    """A peer's p-value is one-sided: for z below 0 it calls the model well calibrated, p = 1."""
    e = confident_by_factor(0.5, rows=3_000, seed=1).evidence
    z = of(spiegelhalter_z, e)
    assert z < -5 and norm.sf(z) > 0.999  # what MAPIE 1.6.0 computes
    assert of(spiegelhalter_test, e) < 1e-6


@pytest.mark.parametrize("world", [clustered, autocorrelated])
def test_dependence_is_not_taken_for_miscalibration(world):
    options = {"icc": 0.6, "mean_size": 40} if world is clustered else {}
    honest, naive = under_dependence(spiegelhalter_test, world, **options)
    assert 0.2 < honest < 0.8 and naive < honest


def test_few_expected_surprises_are_poisson():
    said, happened = np.full(100, 0.01), np.zeros(100, int)
    assert spiegelhalter_test(happened, said).value == calibration_test(happened, said).value
    assert np.isnan(spiegelhalter_test([], np.zeros(0)).value)
