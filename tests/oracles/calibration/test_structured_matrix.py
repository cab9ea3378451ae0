"""Oracles: the authors' package, the published formula, what few rows must not do."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from trueup.calibration import (
    MatrixScaling,
    StructuredMatrixScaling,
    TemperatureScaling,
    VectorScaling,
    brier,
    log_loss,
)
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_factor, confused_classes


# probmetrics 1.3.0 with torch 2.13.0, get_calibrator("sms") on the same arrays: the matrix with its
# intercepts in the last column. It keeps logits in float32 and stops at gradients of 1e-5.
CONFUSED = [
    [0.7691776, 0.1612365, -0.1674249, -0.0799204],
    [0.4892075, 0.8473247, -0.1624644, -0.0806129],
    [-0.3734969, -0.0845068, 1.6596794, 0.1605332],
]
FIVE = [
    [1.0028002, -0.0651268, 0.0413591, 0.0866503, -0.0074144, -0.0333572],
    [-0.0683108, 1.2963604, -0.0334548, 0.0038965, 0.0579703, -0.0880454],
    [0.1392566, -0.019928, 0.9474061, -0.0889468, -0.0244336, -0.0222993],
    [-0.072282, 0.0264055, -0.0586023, 1.0008434, -0.0296257, 0.1261098],
    [0.0009849, -0.0156566, 0.0646273, -0.0011855, 1.014387, 0.0175921],
]


@pytest.mark.parametrize(
    ("world", "weights", "scale", "loss"),
    [
        (confused_classes(200, seed=3), CONFUSED, 0.3841239, 0.9065587),
        (confident_by_factor(2.0, rows=150, classes=5, seed=7), FIVE, 0.4470028, 1.1112508),
    ],
)
def test_equals_the_package_of_its_authors(world, weights, scale, loss):
    e = world.evidence
    fitted = StructuredMatrixScaling().fit(e)
    m = fitted.map
    assert 1 / m.first[0].temperature == pytest.approx(scale, abs=1e-6)
    assert m.weight == pytest.approx(np.array(weights)[:, :-1], abs=6e-4)
    shift = np.array(weights)[:, -1]
    assert m.shift == pytest.approx(shift - shift.mean(), abs=6e-4)
    assert log_loss(e.truth, fitted.apply(e.prediction)).value == pytest.approx(loss, abs=1e-5)


def test_equals_the_formula_minimised_without_gradients():
    e = confused_classes(150, seed=2).evidence
    weight = np.random.default_rng(0).integers(1, 4, 150)
    n, k = weight.sum(), 3
    learn = Evidence(e.prediction, e.truth, weight=weight)
    m = StructuredMatrixScaling(diagonal=2.0, intercept=0.5, off_diagonal=1.5).fit(learn).map
    beta = 1 / TemperatureScaling().fit(learn).map.temperature
    q = np.exp(log_softmax(beta * e.prediction.log_probs(), axis=1))
    z = np.log(n / (n + 1) * q + 1 / (n + 1) / k)

    def loss(x):
        d, b = x[:9].reshape(3, 3) - np.eye(3), x[9:]
        own = (np.diag(d) ** 2).sum()
        said = log_softmax(z + z @ d.T + b, axis=1)[np.arange(150), e.truth]
        ridge = 2.0 * own + 0.5 * (b**2).sum() + (k - 1) * 1.5 * ((d**2).sum() - own)
        return -(weight @ said) / n + k / n * ridge

    best = minimize(loss, np.r_[np.eye(3).reshape(-1), np.zeros(3)], method="BFGS")
    assert loss(np.r_[m.weight.reshape(-1), m.shift]) == pytest.approx(best.fun, abs=1e-9)


def test_few_rows_stay_near_a_temperature_and_many_rows_do_not():
    new = confused_classes(20_000, seed=9).evidence

    def loss(correction, rows):
        learn = confused_classes(rows, seed=1).evidence
        return log_loss(new.truth, correction.fit(learn).apply(new.prediction)).value

    few = {kind: loss(kind(), 40) for kind in (MatrixScaling, StructuredMatrixScaling)}
    assert few[StructuredMatrixScaling] < few[MatrixScaling]
    many = {kind: loss(kind(), 20_000) for kind in (VectorScaling, StructuredMatrixScaling)}
    assert many[StructuredMatrixScaling] < many[VectorScaling] - 0.005


def test_a_class_called_impossible_cannot_cost_more_than_a_row_in_n():
    """A forest that says 0 of what happens: the floor of 1 / (n + 1) bounds the surprise."""
    said = np.tile([0.6, 0.4, 0.0], (100, 1))
    y = np.arange(100) % 2
    after = (
        StructuredMatrixScaling()
        .fit(Evidence(Probabilities(said), y))
        .apply(Probabilities(said[:1]))
    )
    assert -after.log_probs()[0, 2] < np.log(100 * 101)


def test_the_brier_score_is_an_axis():
    e = confused_classes(4_000, seed=6).evidence
    light = {"diagonal": 1e-3, "intercept": 1e-3, "off_diagonal": 1e-3}
    one, two = (
        StructuredMatrixScaling(loss=name, **light).fit(e) for name in ("log_loss", "brier")
    )
    assert one.converged and two.converged
    scores = [brier(e.truth, f.apply(e.prediction)).value for f in (one, two)]
    assert scores[1] < scores[0]
