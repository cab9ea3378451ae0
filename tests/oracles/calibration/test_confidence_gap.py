"""Oracles: the identity with accuracy and mean confidence; cancellation."""

import numpy as np
import pytest

from trueup.calibration import accuracy, confidence_gap, ece
from trueup.worlds import confident_by_factor


@pytest.mark.parametrize("classes", [2, 4])
def test_is_mean_confidence_minus_accuracy(classes):
    e = confident_by_factor(2.0, rows=2_000, classes=classes, seed=1).evidence
    w = np.random.default_rng(0).exponential(size=2_000)
    mean = np.average(e.prediction.probs.max(axis=1), weights=w)
    want = mean - accuracy(e.truth, e.prediction, weight=w).value
    assert confidence_gap(e.truth, e.prediction, weight=w).value == pytest.approx(want, abs=1e-12)


def test_is_minus_the_balance_score():
    """Mean of 1 - p, -p, p, p - 1 as the paper lists its four cases."""
    rng = np.random.default_rng(0)
    p, y = rng.random(500), rng.integers(0, 2, 500)
    cases = np.where(p > 0.5, np.where(y == 1, 1 - p, -p), np.where(y == 0, p, p - 1))
    assert confidence_gap(y, p).value == pytest.approx(-cases.mean(), abs=1e-12)


def test_errors_of_opposite_sign_cancel_in_it():
    said = np.repeat([0.95, 0.65], 500)
    happened = np.r_[np.arange(500) % 5 != 0, np.arange(500) % 5 != 0].astype(int)
    assert abs(confidence_gap(happened, said).value) < 1e-12
    assert ece(happened, said).value == pytest.approx(0.15)
