"""Oracles: scikit-learn's logistic regression, SciPy's minimiser, cases without a minimum."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from trueup.calibration import calibration_intercept, calibration_slope
from trueup.worlds import confident_by_factor


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_equals_scikit_learn(factor):
    """On bins of 1/32 log-odds the slope moves by about a thousandth of itself."""
    e = confident_by_factor(factor, shift=0.3, rows=3_000, seed=1).evidence
    w = np.random.default_rng(0).exponential(size=3_000)
    x = logit(e.prediction.probs[:, 1])
    plain = LogisticRegression(C=np.inf, tol=1e-10).fit(x[:, None], e.truth, sample_weight=w)
    found = calibration_slope(e.truth, e.prediction.probs[:, 1], weight=w).value
    assert found == pytest.approx(plain.coef_[0, 0], rel=3e-3)
    best = minimize(lambda a: w @ (np.logaddexp(0, a + x) - e.truth * (a + x)), [0.0], tol=1e-12)
    found = calibration_intercept(e.truth, e.prediction.probs[:, 1], weight=w).value
    assert found == pytest.approx(best.x[0], abs=2e-3)


def test_over_confident_winners_of_several_classes_converge():
    """A whole Newton step swings for ever on such scores; a halved one does not."""
    for seed in range(8):
        e = confident_by_factor(2.0, rows=600, classes=3, seed=seed).evidence
        confidence = e.prediction.probs.max(axis=1)
        right = (e.prediction.probs.argmax(axis=1) == e.truth).astype(int)
        plain = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(confidence)[:, None], right)
        found = calibration_slope(e.truth, e.prediction)
        assert found.value == pytest.approx(plain.coef_[0, 0], rel=2e-3)
        assert found.low < found.value < found.high


def test_separated_outcomes_have_no_slope():
    said = np.linspace(0.01, 0.99, 100)
    assert math.isnan(calibration_slope((said > 0.5).astype(int), said).value)
    assert math.isnan(calibration_intercept(np.ones(100, int), said).value)
