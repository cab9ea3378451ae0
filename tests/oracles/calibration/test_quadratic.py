"""Oracles: the closed form for normal scores, SciPy's minimiser, scikit-learn without a ridge."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from trueup.calibration import PlattScaling, QuadraticScaling, log_loss
from trueup.calibration.recalibrate.logistic import newton
from trueup.core import Evidence, Probabilities


def normal_scores(rows: int, seed: int) -> tuple[Evidence, np.ndarray]:
    """Log-odds that are normal with another spread in each class, and the true ones."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    x = np.where(y == 1, rng.normal(1.0, 0.7, rows), rng.normal(-0.5, 1.5, rows))
    true = -((x - 1.0) ** 2) / (2 * 0.49) - np.log(0.7)
    true += (x + 0.5) ** 2 / (2 * 2.25) + np.log(1.5)
    return Evidence(Probabilities(expit(x)), y), true


def test_finds_the_parabola_of_normal_scores():
    learn, _ = normal_scores(40_000, 1)
    new, true = normal_scores(4_000, 2)
    losses = {}
    for correction in (QuadraticScaling(), PlattScaling()):
        after = correction.fit(learn).apply(new.prediction)
        losses[type(correction)] = log_loss(new.truth, after).value
    best = np.mean(np.logaddexp(0, true) - new.truth * true)
    assert losses[QuadraticScaling] == pytest.approx(best, abs=0.004)
    assert losses[PlattScaling] > losses[QuadraticScaling] + 0.05


def test_equals_the_formula_minimised_without_gradients():
    e, _ = normal_scores(120, 3)
    weight = np.random.default_rng(0).integers(1, 4, 120)
    n = weight.sum()
    m = QuadraticScaling(ridge=0.7).fit(Evidence(e.prediction, e.truth, weight=weight)).map
    logs = e.prediction.log_probs()
    p = expit((logs[:, 1] - logs[:, 0]) / m.first.temperature)
    p = n / (n + 1) * p + 0.5 / (n + 1)
    u = np.log(p) - np.log1p(-p)

    def loss(theta):
        eta = theta[0] + theta[1] * u + theta[2] * u**2
        ridge = theta[0] ** 2 + (theta[1] - 1) ** 2 + theta[2] ** 2
        return weight @ (np.logaddexp(0, eta) - e.truth * eta) / n + 0.7 * 2 / n * ridge

    best = minimize(loss, [0.0, 1.0, 0.0], method="BFGS", options={"gtol": 1e-9})
    assert [m.intercept, m.slope, m.bend] == pytest.approx(best.x, abs=1e-5)


def test_without_a_ridge_it_is_the_bare_fit():
    e, _ = normal_scores(400, 4)
    logs = e.prediction.log_probs()
    x = logs[:, 1] - logs[:, 0]
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5_000)
    peer.fit(np.column_stack([x, x**2]), e.truth)
    features = np.column_stack([np.ones_like(x), x, x**2])
    theta, reached = newton(features, e.truth, np.ones(400), tolerance=1e-10)
    assert reached and theta == pytest.approx([*peer.intercept_, *peer.coef_[0]], abs=1e-4)
