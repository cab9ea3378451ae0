"""Oracles: scikit-learn on the softened targets, SciPy, and the peer that fits probabilities."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from trueup.calibration import PlattScaling, ece, log_loss
from trueup.core import Evidence, Probabilities
from trueup.worlds import confident_by_factor


def softened(y, w):
    ones, zeros = w @ y, w @ (1 - y)
    return np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_on_the_softened_targets(weighted):
    e = confident_by_factor(2.0, shift=0.4, rows=800, seed=1).evidence
    w = np.random.default_rng(0).integers(1, 5, 800).astype(float) if weighted else np.ones(800)
    x, y = logit(e.prediction.probs[:, 1]), e.truth
    soft = softened(y, w)
    # A soft target is a row that happened with weight t and one that did not with 1 - t.
    both, label = np.r_[x, x][:, None], np.r_[np.ones(800), np.zeros(800)]
    plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    plain.fit(both, label, sample_weight=np.r_[w * soft, w * (1 - soft)])
    line = PlattScaling().fit(Evidence(e.prediction, y, weight=w if weighted else None)).map
    found = line.slope, line.intercept
    assert found == pytest.approx((plain.coef_[0, 0], plain.intercept_[0]), rel=1e-4)


def test_equals_a_minimiser():
    e = confident_by_factor(0.5, shift=-0.7, rows=500, seed=2).evidence
    x, soft = logit(e.prediction.probs[:, 1]), softened(e.truth, np.ones(500))

    def loss(theta):
        eta = theta[0] + theta[1] * x
        return (np.logaddexp(0, eta) - soft * eta).mean()

    best = minimize(loss, [0.0, 1.0], method="BFGS", options={"gtol": 1e-9})
    line = PlattScaling().fit(e).map
    assert (line.intercept, line.slope) == pytest.approx(best.x, abs=1e-5)


def test_works_on_log_odds_and_not_on_probabilities():
    """A peer feeds probabilities to Platt: ECE .0432 where log-odds give .0039, eleven times."""
    learn = confident_by_factor(2.0, shift=0.3, rows=50_000, seed=3).evidence
    new = confident_by_factor(2.0, shift=0.3, rows=50_000, seed=4).evidence
    after = PlattScaling().fit(learn).apply(new.prediction)
    assert ece(new.truth, after).value < 0.01
    # The log loss of the truth on this law is .52741; the line through probabilities gets .537.
    assert log_loss(new.truth, after).value == pytest.approx(0.5274, abs=0.006)
    peer = LogisticRegression(C=np.inf).fit(learn.prediction.probs[:, [1]], learn.truth)
    theirs = peer.predict_proba(new.prediction.probs[:, [1]])[:, 1]
    assert ece(new.truth, theirs).value > 3 * ece(new.truth, after).value


def test_separated_scores_stay_finite():
    """An area under the curve of 1 crashes a peer's calibrator."""
    said = np.linspace(0.01, 0.99, 40)
    fitted = PlattScaling().fit(Evidence(Probabilities(said), (said > 0.5).astype(int)))
    assert fitted.converged and 1 < fitted.map.slope < 10
    assert IsotonicRegression().fit_transform(said, said > 0.5).max() == 1.0


def test_three_classes_are_three_lines_against_the_rest():
    e = confident_by_factor(2.0, rows=2_000, classes=3, seed=5).evidence
    fitted = PlattScaling().fit(e)
    said = e.prediction.probs[:, 1]
    one = PlattScaling().fit(Evidence(Probabilities(said), (e.truth == 1).astype(int)))
    assert fitted.map.maps[1].slope == pytest.approx(one.map.slope, rel=1e-9)
    columns = []
    for j, line in enumerate(fitted.map.maps):
        x = logit(e.prediction.probs[:, j])
        columns.append(1 / (1 + np.exp(-(line.intercept + line.slope * x))))
    want = np.column_stack(columns) / np.sum(columns, axis=0)[:, None]
    assert fitted.apply(e.prediction).probs == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("sampled", [True, False])
def test_many_rows_equal_a_minimiser(sampled):
    """From 40,000 rows on the search starts from a sample, here with and without its weight."""
    e = confident_by_factor(2.0, shift=0.4, rows=80_000, seed=5).evidence
    w = np.random.default_rng(0).integers(1, 5, 80_000).astype(float)
    if not sampled:
        w[::8] = 0.0
    x, soft = logit(e.prediction.probs[:, 1]), softened(e.truth, w)

    def loss(theta):
        eta = theta[0] + theta[1] * x
        slope = w * (expit(eta) - soft) / w.sum()
        return (w @ (np.logaddexp(0, eta) - soft * eta)) / w.sum(), [slope.sum(), slope @ x]

    best = minimize(loss, [0.0, 1.0], jac=True, method="BFGS", options={"gtol": 1e-9}).x
    line = PlattScaling().fit(Evidence(e.prediction, e.truth, weight=w)).map
    assert (line.intercept, line.slope) == pytest.approx(tuple(best), abs=1e-6)
