"""Oracles: SciPy's minimiser, the closed form of shifts, what a temperature cannot do."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from trueup.calibration import TemperatureScaling, VectorScaling, log_loss
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_factor


def loss_at(theta: np.ndarray, e: Evidence) -> float:
    """Weighted mean log loss of softmax(b z + c)."""
    k = e.prediction.k
    logs = log_softmax(theta[:k] * e.prediction.log_probs() + theta[k:], axis=1)
    return -np.average(logs[np.arange(len(e)), e.truth], weights=e.weight)


@pytest.mark.parametrize(("classes", "factor"), [(3, 2.0), (5, 0.5), (2, 3.0)])
def test_equals_a_minimiser_without_gradients(classes, factor):
    e = confident_by_factor(factor, rows=800, classes=classes, seed=1).evidence
    e = Evidence(
        Probabilities(e.prediction.probs), e.truth,
        weight=np.random.default_rng(0).exponential(size=800),
    )  # fmt: skip
    m = VectorScaling().fit(e).map
    found = loss_at(np.r_[m.scale, m.shift], e)
    start = np.r_[np.ones(classes), np.zeros(classes)]
    best = minimize(loss_at, start, args=(e,), method="BFGS", options={"gtol": 1e-7})
    assert found <= best.fun + 1e-8
    rng = np.random.default_rng(1)
    around = [
        loss_at(np.r_[m.scale, m.shift] + rng.normal(0, 0.02, 2 * classes), e) for _ in "12345678"
    ]
    assert found < min(around)


def test_classes_that_err_in_opposite_directions():
    rng = np.random.default_rng(2)
    z = rng.normal(0, 1.5, (20_000, 3))
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    said = z * [2.0, 0.5, 1.0] + [0.5, 0.0, -0.5]
    # Normalising moves every column, so the map on log-probabilities is not exactly that of z.
    e = Evidence(Probabilities.from_logits(said), y)
    loss = {}
    for method in (TemperatureScaling(), VectorScaling()):
        loss[type(method).__name__] = log_loss(y, method.fit(e).apply(e.prediction)).value
    before = log_loss(y, e.prediction).value
    assert loss["VectorScaling"] < loss["TemperatureScaling"] - 0.01 < before


def test_equal_scores_have_the_class_shares_as_closed_form():
    y = np.repeat([0, 1, 2], [10, 30, 60])
    e = Evidence(Probabilities(np.full((100, 3), 1 / 3)), y)
    after = VectorScaling().fit(e).apply(e.prediction).probs[0]
    assert after == pytest.approx([0.1, 0.3, 0.6], abs=1e-5)


def test_float32_is_not_silently_left_alone():
    """A peer's finite differences see a zero gradient in float32 and return the start."""
    e = confident_by_factor(2.0, rows=5_000, classes=4, seed=3).evidence
    single = Evidence(Probabilities(e.prediction.probs.astype(np.float32)), e.truth)
    one, two = (VectorScaling().fit(x).map for x in (e, single))
    assert two.scale == pytest.approx(one.scale, rel=1e-3) and (two.scale < 0.6).all()


def test_a_common_shift_is_taken_out():
    e = confident_by_factor(2.0, rows=2_000, classes=4, seed=4).evidence
    assert VectorScaling().fit(e).map.shift.sum() == pytest.approx(0.0, abs=1e-9)


def test_always_right_says_that_there_is_no_minimum():
    said = np.full((30, 3), 0.1) + 0.7 * np.eye(3)[np.arange(30) % 3]
    assert not VectorScaling().fit(Evidence(Probabilities(said), np.arange(30) % 3)).converged
