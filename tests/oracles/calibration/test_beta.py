"""Oracles: scikit-learn, SciPy under bounds, the exact map of two beta laws."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import betaln
from sklearn.linear_model import LogisticRegression

from trueup.calibration import BetaCalibration
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_factor


def bounded(p, y) -> np.ndarray:
    """a, b >= 0 and c of least loss, by a bounded quasi-Newton search."""
    features = np.column_stack([np.log(p), -np.log1p(-p), np.ones_like(p)])

    def loss(theta):
        eta = features @ theta
        gradient = features.T @ (1 / (1 + np.exp(-eta)) - y) / len(y)
        return (np.logaddexp(0, eta) - y * eta).mean(), gradient

    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000}
    bounds = [(0, None), (0, None), (None, None)]
    return minimize(loss, [1.0, 1.0, 0.0], jac=True, bounds=bounds, options=options).x


def test_equals_scikit_learn_where_both_are_positive():
    e = confident_by_factor(2.0, shift=0.5, rows=2_000, seed=1).evidence
    p = e.prediction.probs[:, 1]
    features = np.column_stack([np.log(p), -np.log1p(-p)])
    plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5_000).fit(features, e.truth)
    m = BetaCalibration().fit(e).map
    assert (m.a, m.b, m.c) == pytest.approx((*plain.coef_[0], plain.intercept_[0]), rel=1e-3)


@pytest.mark.parametrize("power", [0.4, 3.0])
def test_equals_a_bounded_search(power):
    rng = np.random.default_rng(2)
    p = rng.beta(2, 2, 3_000)
    y = (rng.random(3_000) < p**power).astype(int)
    m = BetaCalibration().fit(Evidence(Probabilities(p), y)).map
    assert (m.a, m.b, m.c) == pytest.approx(bounded(p, y), abs=2e-3)


def test_a_negative_coefficient_becomes_zero():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.02, 0.98, 4_000)
    y = (rng.random(4_000) < np.where(p > 0.5, 0.7, 0.2 + p)).astype(int)  # flat on the right
    m = BetaCalibration().fit(Evidence(Probabilities(p), y)).map
    assert min(m.a, m.b) == 0.0
    assert (m.a, m.b, m.c) == pytest.approx(bounded(p, y), abs=5e-3)
    said = BetaCalibration().fit(Evidence(Probabilities(p), 1 - y)).map
    assert (said.a, said.b) == (0.0, 0.0)  # a falling curve: nothing but the base rate is left
    assert said.c == pytest.approx(np.log((1 - y).mean() / y.mean()), abs=1e-6)


def test_two_beta_laws_are_corrected_exactly():
    rng = np.random.default_rng(4)
    n, (a1, b1), (a0, b0) = 200_000, (3.0, 1.5), (1.5, 2.5)
    y = rng.integers(0, 2, n)
    p = np.where(y == 1, stats.beta.rvs(a1, b1, size=n, random_state=rng),
                 stats.beta.rvs(a0, b0, size=n, random_state=rng))  # fmt: skip
    m = BetaCalibration().fit(Evidence(Probabilities(p), y)).map
    want = a1 - a0, b0 - b1, betaln(a0, b0) - betaln(a1, b1)
    assert (m.a, m.b, m.c) == pytest.approx(want, abs=0.05)


def test_separated_outcomes_have_no_minimum():
    said = np.linspace(0.05, 0.95, 60)
    fitted = BetaCalibration().fit(Evidence(Probabilities(said), (said > 0.5).astype(int)))
    assert not fitted.converged
