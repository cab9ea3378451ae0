"""Oracles: scikit-learn for the event, a loop for several classes, both published conventions."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from trueup.calibration import brier
from trueup.worlds import confident_by_factor


def test_event_equals_scikit_learn():
    e = confident_by_factor(2.0, rows=3_000, seed=1).evidence
    weight = np.random.default_rng(0).exponential(size=3_000)
    said = e.prediction.probs[:, 1]
    found = brier(e.truth, said, weight=weight).value
    assert found == pytest.approx(brier_score_loss(e.truth, said, sample_weight=weight), rel=1e-12)


def test_classes_equal_a_loop_and_scikit_learn():
    e = confident_by_factor(2.0, rows=500, classes=4, seed=1).evidence
    want = np.mean(
        [
            ((row - np.eye(4)[y]) ** 2).sum()
            for row, y in zip(e.prediction.probs, e.truth, strict=True)
        ]
    )
    found = brier(e.truth, e.prediction).value
    assert found == pytest.approx(want, rel=1e-12)
    assert found == pytest.approx(brier_score_loss(e.truth, e.prediction.probs), rel=1e-12)


def test_two_classes_count_both_an_event_one():
    said, happened = np.array([0.2, 0.9, 0.6]), [0, 1, 0]
    two = brier(happened, np.column_stack([1 - said, said])).value
    assert two == pytest.approx(2 * brier(happened, said).value)


def test_a_forecast_beyond_doubt_keeps_its_digits():
    """(p - 1)^2 as written: the expanded form loses every digit of a small score."""
    said = np.array([[1 - 1e-9, 1e-9], [1e-9, 1 - 1e-9]])
    assert brier([0, 1], said).value == pytest.approx(2e-18, rel=1e-6)
