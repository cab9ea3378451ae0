"""Oracles: scikit-learn's logistic regression, a search without gradients, differences."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from trueup.calibration import MatrixScaling, VectorScaling, brier, log_loss
from trueup.calibration.recalibrate import affine
from trueup.calibration.recalibrate.affine import Affine, solve
from trueup.calibration.recalibrate.losses import LOSSES
from trueup.calibration.recalibrate.matrix import odir
from trueup.core import Evidence, Probabilities
from trueup.core.errors import UsageError
from trueup.worlds import confident_by_factor, confused_classes


def problem(loss: str, *, full: bool, rows: int = 60, classes: int = 4, penalty: float = 0.03):
    """A small weighted problem whose penalties differ from number to number."""
    e = confident_by_factor(2.0, rows=rows, classes=classes, seed=1).evidence
    rng = np.random.default_rng(2)
    cost = penalty * rng.random((classes, classes + 1 if full else 2))
    weight = rng.exponential(size=rows)
    return Affine(e.prediction.log_probs(), e.truth, weight, LOSSES[loss], cost)


def test_equals_multinomial_logistic_regression():
    e = confused_classes(600, seed=4).evidence
    weight = np.random.default_rng(0).exponential(size=600)
    m = MatrixScaling().fit(Evidence(e.prediction, e.truth, weight=weight)).map
    z = e.prediction.log_probs()
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5_000)
    peer.fit(z, e.truth, sample_weight=weight)
    ours = m.weight - m.weight.mean(axis=0)
    assert ours == pytest.approx(peer.coef_ - peer.coef_.mean(axis=0), abs=1e-4)
    assert m.shift == pytest.approx(peer.intercept_ - peer.intercept_.mean(), abs=1e-4)


def test_a_penalty_on_all_numbers_equals_that_of_scikit_learn():
    """Theirs pulls to 0, ours to the identity: a change of the variable makes them the same.

    Theirs costs |W|^2 / (2 C n) without the intercept, for the offset logits z of our start.
    """
    e = confused_classes(300, seed=5).evidence
    z, k, cost = e.prediction.log_probs(), 3, 0.02
    penalty = np.full((k, k + 1), cost)
    penalty[:, -1] = 1e-12
    made = Affine(z, e.truth, np.ones(300), LOSSES["log_loss"], penalty)
    theta, reached = solve(made, tolerance=1e-10, steps=200)

    def loss(x):
        w, b = x[: k * k].reshape(k, k), x[k * k :]
        said = log_softmax(z + z @ w.T + b, axis=1)
        return -said[np.arange(300), e.truth].mean() + cost * (w**2).sum()

    best = minimize(loss, np.zeros(k * k + k), method="BFGS", options={"gtol": 1e-8})
    assert reached and made.value(theta) == pytest.approx(best.fun, abs=1e-9)
    peer = LogisticRegression(C=1 / (2 * cost * 300), tol=1e-10, max_iter=5_000)
    peer.fit(z, e.truth)
    zero = Affine(z, e.truth, np.ones(300), LOSSES["log_loss"], penalty)
    object.__setattr__(zero, "start", np.zeros((k, k + 1)))
    theirs, _ = solve(zero, tolerance=1e-10, steps=200)
    assert theirs[:, :-1] == pytest.approx(peer.coef_, abs=1e-5)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_equal_differences(loss, full):
    made = problem(loss, full=full)
    rng = np.random.default_rng(3)
    theta = made.start + rng.normal(0, 0.3, made.start.shape)
    _, gradient = made.slope(theta)
    for _ in range(6):
        way = rng.normal(size=theta.shape)
        steep = (made.value(theta + 1e-5 * way) - made.value(theta - 1e-5 * way)) / 2e-5
        assert (gradient * way).sum() == pytest.approx(steep, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("full", [True, False])
def test_curvature_of_the_log_loss_equals_differences(full):
    made = problem("log_loss", full=full)
    rng = np.random.default_rng(4)
    theta = made.start + rng.normal(0, 0.3, made.start.shape)
    bend = made.curvature(theta)
    for _ in range(4):
        way = rng.normal(size=theta.shape)
        change = (made.slope(theta + 1e-5 * way)[1] - made.slope(theta - 1e-5 * way)[1]) / 2e-5
        assert bend @ way.reshape(-1) == pytest.approx(change.reshape(-1), rel=1e-5, abs=1e-7)


def test_curvature_of_the_brier_score_is_that_of_gauss_and_newton():
    """A slow loop: twice the square of the matrix of derivatives of the probabilities."""
    q = np.random.default_rng(5).dirichlet(np.ones(4), 7)
    found = LOSSES["brier"].curvature(q)
    for i, row in enumerate(q):
        turn = np.diag(row) - np.outer(row, row)
        made = np.diag(found.own[i]) + sum(s * np.outer(u[i], u[i]) for s, u in found.ranks)
        assert made == pytest.approx(2 * turn @ turn, abs=1e-14)
    diagonal = [2 * ((np.diag(r) - np.outer(r, r)) ** 2).sum(axis=1) for r in q]
    assert found.diagonal() == pytest.approx(np.array(diagonal), abs=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("full", [True, False])
def test_both_searches_end_in_the_same_place(loss, full, monkeypatch):
    made = problem(loss, full=full, rows=300)
    theta, one = solve(made, tolerance=1e-9, steps=500)
    monkeypatch.setattr(affine, "FEW", 0)
    again, two = solve(made, tolerance=1e-9, steps=500)
    assert one and two
    assert made.value(again) == pytest.approx(made.value(theta), abs=1e-10)
    assert again == pytest.approx(theta, abs=1e-4)


@pytest.mark.parametrize("kind", [VectorScaling, MatrixScaling])
def test_each_loss_is_least_by_its_own_score(kind):
    e = confused_classes(4_000, seed=6).evidence
    by_log, by_brier = (kind(loss=name).fit(e).apply(e.prediction) for name in LOSSES)
    assert log_loss(e.truth, by_log).value < log_loss(e.truth, by_brier).value
    assert brier(e.truth, by_brier).value < brier(e.truth, by_log).value


def test_the_penalty_is_the_published_one():
    """ODIR: lambda / (k (k - 1)) off the diagonal, mu / k of the intercepts, none on it."""
    cost = odir(3, off_diagonal=6.0, intercept=3.0)
    assert cost.tolist() == [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1]]
    e = confused_classes(500, seed=7).evidence
    z, k = e.prediction.log_probs(), 3

    def loss(x):
        w, b = x[: k * k].reshape(k, k), x[k * k :]
        off = (w**2).sum() - (np.diag(w) ** 2).sum()
        said = log_softmax(z @ w.T + b, axis=1)[np.arange(500), e.truth]
        return -said.mean() + 0.2 / 6 * off + 0.1 / 3 * (b**2).sum()

    m = MatrixScaling(off_diagonal=0.2, intercept=0.1).fit(e).map
    best = minimize(loss, np.r_[np.eye(3).reshape(-1), np.zeros(3)], method="BFGS")
    assert loss(np.r_[m.weight.reshape(-1), m.shift]) <= best.fun + 1e-9


def test_many_classes_of_float32_reach_the_minimum():
    """Finite differences of float32 see no slope here; ours are exact and in float64."""
    e = confident_by_factor(2.0, rows=600, classes=20, seed=8).evidence
    single = Evidence(Probabilities(e.prediction.probs.astype(np.float32)), e.truth)
    one, two = (MatrixScaling(off_diagonal=50.0, intercept=1.0).fit(x) for x in (e, single))
    assert one.converged and two.converged
    assert two.map.weight == pytest.approx(one.map.weight, abs=1e-3)
    cost = odir(20, off_diagonal=50.0, intercept=1.0)
    made = Affine(e.prediction.log_probs(), e.truth, np.ones(600), LOSSES["log_loss"], cost)
    _, gradient = made.slope(np.hstack([one.map.weight, one.map.shift[:, None]]))
    assert np.abs(made.slope(made.start)[1]).max() > 1e-2 > 1e-6 > np.abs(gradient).max()


def test_always_right_says_that_there_is_no_minimum():
    said = np.full((60, 3), 0.1) + 0.7 * np.eye(3)[np.arange(60) % 3]
    e = Evidence(Probabilities(said), np.arange(60) % 3)
    assert not MatrixScaling().fit(e).converged
    assert np.isfinite(MatrixScaling().fit(e).apply(e.prediction).log_probs()).all()


def test_an_unknown_loss_is_an_error():
    e = confused_classes(20).evidence
    with pytest.raises(UsageError, match=r"MatrixScaling: there is no loss 'hinge'.* log_loss"):
        MatrixScaling(loss="hinge").fit(e)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("full", [True, False])
def test_products_equal_the_whole_curvature(loss, full):
    """In single precision; what moves all classes alike is bent by the penalty alone."""
    made = problem(loss, full=full)
    rng = np.random.default_rng(6)
    theta = made.start + rng.normal(0, 0.3, made.start.shape)
    bend, times = made.curvature(theta), made.product(theta)
    for way in (rng.normal(size=theta.shape), np.broadcast_to(theta[0], theta.shape)):
        exact = (bend @ way.reshape(-1)).reshape(way.shape)
        assert times(way) == pytest.approx(exact, rel=1e-4, abs=1e-5)


def test_many_classes_that_are_always_right_say_that_there_is_no_minimum():
    y = np.arange(100) % 20
    e = Evidence(Probabilities.from_logits(900.0 * np.eye(20)[y]), y)
    assert not MatrixScaling().fit(e).converged
