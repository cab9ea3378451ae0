"""Oracles: the law of Brownian motion by simulation and by MAPIE, and dependence."""

import numpy as np
import pytest

from p_values import under_dependence
from trueup.calibration import calibration_test, ks_test
from trueup.calibration.measures.walks import survival_of_maximum
from trueup.core import Evidence
from trueup.worlds import autocorrelated, clustered, confident_by_factor


MAPIE = {0.5: 0.009156990289760759, 1.0: 0.3707774297995239, 1.5: 0.732784785616939,
         2.5: 0.9751613386970228}  # fmt: skip
"""``kolmogorov_smirnov_cdf`` of MAPIE 1.6.0."""


@pytest.mark.parametrize("x", MAPIE)
def test_law_of_the_maximum(x):
    assert 1 - survival_of_maximum(x) == pytest.approx(MAPIE[x], abs=1e-12)


def test_both_series_meet_and_far_tails_keep_their_digits():
    assert survival_of_maximum(1.0) == pytest.approx(survival_of_maximum(1.0 + 1e-9), abs=1e-8)
    assert survival_of_maximum(8.0) == pytest.approx(4 * 6.220960574271785e-16, rel=1e-9)


def test_p_value_of_mapie():
    """MAPIE 1.6.0 on this table: 3.416e-06, with jitter."""
    e = confident_by_factor(2.0, shift=0.3, rows=2_000, seed=7).evidence
    assert ks_test(e.truth, e.prediction).value == pytest.approx(3.4160e-6, rel=0.01)


def test_values_are_spread_evenly_under_calibration():
    values = np.sort([
        ks_test(*(lambda e: (e.truth, e.prediction))(
            confident_by_factor(1.0, rows=500, seed=seed).evidence)).value
        for seed in range(300)
    ])  # fmt: skip
    even = (np.arange(300) + 0.5) / 300
    assert np.abs(values - even).max() < 0.11  # 1e-3 of the Kolmogorov law, and discreteness


@pytest.mark.parametrize("world", [clustered, autocorrelated])
def test_dependence_is_not_taken_for_miscalibration(world):
    options = {"icc": 0.6, "mean_size": 40} if world is clustered else {}
    honest, naive = under_dependence(ks_test, world, **options)
    assert 0.2 < honest < 0.8 and naive < 0.2


@pytest.mark.parametrize("world", [clustered, autocorrelated])
def test_it_still_has_power(world):
    """An under-confident and shifted series: the draws of chance alone seldom go as far."""
    e = world(6_000, factor=2.0, seed=1).evidence
    p = np.clip(e.prediction.probs[:, 1] + 0.15, 0, 1)
    assert ks_test(e.truth, p, cluster=e.cluster, time=e.time).value < 0.01


def test_few_expected_surprises_are_poisson():
    said, happened = np.full(100, 0.01), np.zeros(100, int)
    happened[:4] = 1
    assert ks_test(happened, said).value == calibration_test(happened, said).value


def test_dependent_rows_are_drawn_the_same_every_time():
    e = clustered(1_000, factor=1.0, seed=5).evidence
    again = Evidence(e.prediction, e.truth, cluster=e.cluster)
    a, b = (ks_test.estimate(ks_test.cube(x)) for x in (e, again))
    assert a == b and a.how == "law of drawn walks of groups"
