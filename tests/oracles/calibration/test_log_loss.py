"""Oracles: scikit-learn, the floor of probabilities, the width of floats."""

import numpy as np
import pytest
from sklearn.metrics import log_loss as of_scikit_learn

from trueup.calibration import log_loss
from trueup.core import Probabilities
from trueup.worlds import confident_by_factor


@pytest.mark.parametrize("classes", [2, 6])
def test_equals_scikit_learn(classes):
    e = confident_by_factor(2.0, rows=3_000, classes=classes, seed=1).evidence
    weight = np.random.default_rng(0).exponential(size=3_000)
    want = of_scikit_learn(e.truth, e.prediction.probs, sample_weight=weight)
    assert log_loss(e.truth, e.prediction, weight=weight).value == pytest.approx(want, rel=1e-9)


def test_an_impossible_outcome_costs_the_same_in_both_widths():
    """A peer clips float32 at 1.2e-7 and float64 at 2.2e-16: 15.9 or 36.0 nats for one row."""
    for dtype in (np.float32, np.float64):
        assert log_loss([1], np.array([0.0], dtype)).value == pytest.approx(-np.log(1e-12))


def test_logits_are_not_cut():
    said = Probabilities.from_logits([[0.0, 200.0]])
    assert log_loss([0], said).value == pytest.approx(200.0)
