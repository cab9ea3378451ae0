"""Oracles: the authors' package, the published formula."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from trueup.calibration import StructuredVectorScaling, TemperatureScaling, log_loss
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_factor, confused_classes


# probmetrics 1.3.0 with torch 2.13.0, get_calibrator("svs") on the same arrays: scales, shifts,
# log loss. It keeps logits in float32 and stops at gradients of 1e-5.
PEER = (
    (
        confused_classes(200, seed=3),
        [0.7254581, 0.8334907, 1.6041176],
        [-0.1449134, -0.4914349, 0.6363482],
        0.9439474,
    ),
    (
        confident_by_factor(2.0, rows=150, classes=5, seed=7),
        [1.0364656, 1.2685995, 0.9412926, 0.9248468, 1.0425385],
        [-0.1083823, -0.0547053, -0.047962, 0.2574906, -0.046441],
        1.1354513,
    ),
)


@pytest.mark.parametrize(("world", "scales", "shifts", "loss"), PEER)
def test_equals_the_package_of_its_authors(world, scales, shifts, loss):
    e = world.evidence
    fitted = StructuredVectorScaling().fit(e)
    assert fitted.map.weight == pytest.approx(scales, abs=1e-3)
    assert fitted.map.shift == pytest.approx(np.array(shifts) - np.mean(shifts), abs=1e-3)
    after = log_loss(e.truth, fitted.apply(e.prediction)).value
    assert after == pytest.approx(loss, abs=3e-5)


def test_equals_the_formula_minimised_without_gradients():
    e = confused_classes(150, seed=2).evidence
    m = StructuredVectorScaling(diagonal=2.0, intercept=0.5).fit(e).map
    beta = 1 / TemperatureScaling().fit(e).map.temperature
    q = np.exp(log_softmax(beta * e.prediction.log_probs(), axis=1))
    z = np.log(150 / 151 * q + 1 / 151 / 3)

    def loss(x):
        said = log_softmax(x[:3] * z + x[3:], axis=1)[np.arange(150), e.truth]
        ridge = 2.0 * ((x[:3] - 1) ** 2).sum() + 0.5 * (x[3:] ** 2).sum()
        return -said.mean() + 3 / 150 * ridge

    best = minimize(loss, np.r_[np.ones(3), np.zeros(3)], method="BFGS")
    assert loss(np.r_[m.weight, m.shift]) == pytest.approx(best.fun, abs=1e-9)


def test_always_right_still_has_a_minimum():
    said = np.full((60, 3), 0.1) + 0.7 * np.eye(3)[np.arange(60) % 3]
    e = Evidence(Probabilities(said), np.arange(60) % 3)
    fitted = StructuredVectorScaling().fit(e)
    right = fitted.apply(e.prediction).probs[np.arange(60), e.truth]
    assert fitted.converged and (right > 0.98).all() and (right < 1.0).all()
