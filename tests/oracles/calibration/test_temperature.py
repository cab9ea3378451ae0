"""Oracles: a brute-force search, SciPy, a closed form, and what other packages get wrong."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from trueup.calibration import TemperatureScaling, ece, log_loss
from trueup.core import Evidence, Probabilities
from trueup.worlds import calibrated, confident_by_factor


def loss_at(temperature: float, e: Evidence) -> float:
    """Weighted mean log loss of softmax(z / T)."""
    logs = log_softmax(e.prediction.log_probs() / temperature, axis=1)
    return -np.average(logs[np.arange(len(e)), e.truth], weights=e.weight)


def temperature(e: Evidence) -> float:
    return TemperatureScaling().fit(e).map.temperature


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.0, 7.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_equals_a_search_by_brute_force(factor, classes):
    e = confident_by_factor(factor, rows=2_000, classes=classes, seed=1).evidence
    e = Evidence(e.prediction, e.truth, weight=np.random.default_rng(0).exponential(size=2_000))
    best = minimize_scalar(lambda t: loss_at(np.exp(t), e), bounds=(-4, 4), options={"xatol": 1e-9})
    assert temperature(e) == pytest.approx(np.exp(best.x), rel=1e-6)
    grid = np.geomspace(0.2, 20, 801)
    assert loss_at(temperature(e), e) <= min(loss_at(t, e) for t in grid)


def test_two_scores_have_a_closed_form():
    # Scores +-s, a share q of the rows right: the optimum makes the confidence equal q.
    s, q = 3.0, 0.8
    z = np.tile([s, -s], (10, 1))
    y = (np.arange(10) >= 10 * q).astype(int)
    found = temperature(Evidence(Probabilities.from_logits(z), y))
    assert found == pytest.approx(2 * s / np.log(q / (1 - q)), rel=1e-9)


def test_float32_is_not_silently_left_alone():
    """A widely used package returns T = 1 for float32 input; its ECE stays .0552, not .0069."""
    e = confident_by_factor(2.0, rows=20_000, classes=10, seed=2).evidence
    single = Evidence(Probabilities(e.prediction.probs.astype(np.float32)), e.truth)
    assert temperature(single) == pytest.approx(temperature(e), rel=1e-5)
    assert temperature(single) == pytest.approx(2.0, rel=0.05)


def test_the_temperature_of_an_event_is_that_of_its_two_classes():
    """A peer doubles the logits of a binary model and calls the same model twice as hot."""
    e = confident_by_factor(2.0, rows=20_000, seed=3).evidence
    two = Evidence(Probabilities(e.prediction.probs), e.truth)
    assert temperature(e) == pytest.approx(temperature(two), rel=1e-9)
    assert temperature(e) == pytest.approx(2.0, rel=0.05)


def test_the_error_falls_for_probabilities_and_for_logits():
    """A peer took logits for probabilities and left the error where it was."""
    e = confident_by_factor(3.0, rows=20_000, classes=4, seed=4).evidence
    for said in (e.prediction, Probabilities(e.prediction.probs)):
        after = TemperatureScaling().fit(Evidence(said, e.truth)).apply(said)
        assert ece(e.truth, after).value < 0.1 * ece(e.truth, said).value


def test_probabilities_of_exactly_zero_keep_a_finite_temperature():
    p = np.r_[calibrated(2_000).evidence.prediction.probs[:, 1], 0.0, 1.0, 0.0]
    y = np.r_[calibrated(2_000).evidence.truth, 1, 0, 0]
    fitted = TemperatureScaling().fit(Evidence(Probabilities(p), y))
    assert fitted.converged and 1.0 < fitted.map.temperature < 2.0


@pytest.mark.parametrize("gap", [0.5, 1.0, 30.0])
def test_always_right_says_that_there_is_no_minimum(gap):
    z = np.array([[gap, 0.0], [0.0, gap]])
    fitted = TemperatureScaling().fit(Evidence(Probabilities.from_logits(z), [0, 1]))
    assert not fitted.converged
    wrong = TemperatureScaling().fit(Evidence(Probabilities.from_logits(z), [1, 0]))
    assert not wrong.converged and wrong.map.temperature > 100


def test_a_fit_inside_the_bounds_has_converged():
    for factor in (0.05, 0.3, 1.0, 20.0):
        e = confident_by_factor(factor, rows=3_000, classes=3, seed=5).evidence
        fitted = TemperatureScaling().fit(e)
        assert fitted.converged and fitted.map.temperature == pytest.approx(factor, rel=0.15)


def test_never_worse_than_one_on_the_rows_of_the_fit():
    e = confident_by_factor(1.0, rows=50, classes=3, seed=6).evidence
    after = TemperatureScaling().fit(e).apply(e.prediction)
    assert log_loss(e.truth, after).value <= log_loss(e.truth, e.prediction).value + 1e-12


@pytest.mark.parametrize("classes", [2, 4])
def test_many_rows_equal_a_search_by_brute_force(classes):
    """From 20,000 rows on the search starts from a sample, and the answer must not show it."""
    e = confident_by_factor(3.0, rows=40_000, classes=classes, seed=4).evidence
    weight = np.random.default_rng(0).exponential(size=40_000)
    weight[::8] = 0.0  # the rows of the sample count for nothing
    for weights in (None, weight):
        e = Evidence(e.prediction, e.truth, weight=weights)
        best = minimize_scalar(
            lambda t, e=e: loss_at(np.exp(t), e), bounds=(-4, 4), options={"xatol": 1e-9}
        )
        assert temperature(e) == pytest.approx(np.exp(best.x), rel=1e-6)


def test_a_sample_without_errors_does_not_mislead():
    """Every eighth row is right with certainty; the other rows are wrong one time in four."""
    p, y = np.full(40_000, 0.99), np.ones(40_000, dtype=int)
    y[np.arange(40_000) % 8 == 1] = 0
    y[np.arange(40_000) % 8 == 2] = 0
    e = Evidence(Probabilities(p), y)
    said, share = np.log(0.99 / 0.01), 0.75
    assert temperature(e) == pytest.approx(said / np.log(share / (1 - share)), rel=1e-9)
