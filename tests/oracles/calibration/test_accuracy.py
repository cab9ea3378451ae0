"""Oracles: scikit-learn, a loop, ties."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from trueup.calibration import accuracy
from trueup.worlds import confident_by_factor


@pytest.mark.parametrize("classes", [2, 5])
def test_equals_scikit_learn(classes):
    e = confident_by_factor(2.0, rows=3_000, classes=classes, seed=1).evidence
    weight = np.random.default_rng(0).exponential(size=3_000)
    found = accuracy(e.truth, e.prediction, weight=weight).value
    want = accuracy_score(e.truth, e.prediction.probs.argmax(axis=1), sample_weight=weight)
    assert found == pytest.approx(want, rel=1e-12)


def test_a_tie_goes_to_the_first_class():
    assert accuracy([0, 1], [0.5, 0.5]).value == 0.5
    assert accuracy([0, 1, 2], np.full((3, 3), 1 / 3)).value == pytest.approx(1 / 3)


def test_labels_are_classes_and_not_whether_they_were_right():
    """A peer's ``y_true`` means 'was right': the same call then scores a good model as bad."""
    said = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    assert accuracy([0, 1, 0], said).value == 1.0
