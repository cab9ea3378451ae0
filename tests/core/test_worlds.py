"""Worlds: what they say is true about them is what long tables of theirs show."""

import numpy as np
import pytest

from trueup.calibration import accuracy, auc, brier, calibration_slope, confidence_gap, log_loss
from trueup.worlds import autocorrelated, calibrated, clustered, confident_by_factor, planted_table
from trueup.worlds.probabilities import population


MEASURES = (accuracy, auc, brier, log_loss, confidence_gap, calibration_slope)


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (2.0, 0.3), (0.5, -0.6)])
def test_stated_truth_is_met_by_a_long_table(factor, shift):
    """Intervals at level .9999: a false-alarm rate of 1e-4 a measure."""
    world = confident_by_factor(factor, shift=shift, rows=200_000, seed=1)
    for measure in MEASURES:
        if measure is calibration_slope or measure.name in world.truth:
            found = measure(world.evidence.truth, world.evidence.prediction, level=0.9999)
            assert found.low <= world.truth[measure.name] <= found.high, measure.name


@pytest.mark.parametrize("world", [
    calibrated(100_000, seed=1), confident_by_factor(3.0, shift=0.5, rows=100_000, seed=2),
    clustered(100_000, seed=3), autocorrelated(100_000, seed=4),
])  # fmt: skip
def test_curve_is_what_happens(world):
    said = world.evidence.prediction.probs[:, 1]
    for low in (0.1, 0.3, 0.5, 0.7, 0.9):
        inside = (said > low - 0.05) & (said < low + 0.05)
        gap = (world.evidence.truth - world.curve(said))[inside]
        assert abs(gap.mean()) < 6 / np.sqrt(len(gap))  # dependence widens the chance


@pytest.mark.parametrize("factor", [0.01, 1.0, 9.0, 100.0])
def test_extreme_factors_are_finite(factor):
    truth = population(factor)
    assert all(np.isfinite(value) for value in truth.values())
    assert truth["calibration_slope"] == 1 / factor


def test_same_seed_same_table():
    for make in (calibrated, clustered, autocorrelated):
        a, b, c = (make(100, seed=seed).evidence for seed in (1, 1, 2))
        assert np.array_equal(a.prediction.probs, b.prediction.probs)
        assert not np.array_equal(a.truth, c.truth)


def test_truth_of_a_world_can_be_changed_without_harm():
    confident_by_factor(2.0, rows=10).truth["accuracy"] = 9.0
    assert confident_by_factor(2.0, rows=10).truth["accuracy"] < 1


def test_dependence_is_as_announced():
    e = autocorrelated(50_000, rho=0.9, seed=0).evidence
    odds = np.log(e.prediction.probs[:, 1] / e.prediction.probs[:, 0])
    assert np.corrcoef(odds[1:], odds[:-1])[0, 1] == pytest.approx(0.9, abs=0.01)
    e = clustered(50_000, icc=0.3, mean_size=10, seed=0).evidence
    sizes = np.bincount(e.cluster)
    assert sizes[:-1].mean() == pytest.approx(10, rel=0.1)


def test_planted_faults_are_where_they_say():
    world = planted_table(200_000, slope=1.0, bad_shift=-0.6, change_shift=0.5, seed=1)
    c = world.columns
    gap = c["y"] - c["p"]
    bad = c["region"] == world.bad_region
    late = c["day"] >= world.change_day
    assert gap[bad].mean() < gap[~bad].mean() - 0.08
    assert gap[late].mean() > gap[~late].mean() + 0.06
    clean = planted_table(1_000)
    assert clean.bad_region is None and clean.change_day is None
