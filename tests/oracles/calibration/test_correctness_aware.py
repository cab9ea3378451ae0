"""Oracles: numeric gradients, a slow search, temperature scaling where features say nothing."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import expit, softmax

from trueup.calibration import CorrectnessAware, TemperatureScaling
from trueup.calibration.recalibrate.correctness_aware import _Task
from trueup.core import Evidence, FitError, Probabilities, UsageError


RNG = np.random.default_rng(0)
Z, PHI = RNG.normal(0, 2, (300, 4)), RNG.normal(size=(300, 3))
TRUTH = (Z / 2 - np.log(-np.log(RNG.random((300, 4))))).argmax(axis=1)


@pytest.mark.parametrize("hidden", [0, 4])
@pytest.mark.parametrize("loss", ["correctness", "log_loss", "brier"])
def test_gradient_is_that_of_finite_differences(hidden, loss):
    task = _Task(PHI, Z, TRUTH, RNG.random(300), loss, 0.01, hidden)
    size = 3 * hidden + hidden + (hidden or 3) + 1
    theta = RNG.normal(size=size)
    numeric = approx_fprime(theta, lambda v: task(v)[0], 1e-7)
    assert task(theta)[1] == pytest.approx(numeric, abs=1e-5)


def by_hand(theta, features, z, truth, loss: str) -> float:
    """Mean loss of a line of features, row by row."""
    total = 0.0
    for f, row, t in zip(features, z, truth, strict=True):
        p = softmax(row / 10 ** (2 * expit(theta[0] + theta[1] * f) - 1))
        y = np.eye(len(row))[t]
        right = row.argmax() == t
        total += {"correctness": (p.max() - right) ** 2, "log_loss": -np.log(p[t]),
                  "brier": ((p - y) ** 2).sum()}[loss]  # fmt: skip
    return total / len(z)


@pytest.mark.parametrize("loss", ["correctness", "log_loss", "brier"])
def test_equals_a_slow_search(loss):
    e = Evidence(Probabilities.from_logits(Z), TRUTH, features=PHI[:, 0])
    found = CorrectnessAware(loss=loss, penalty=0.0).fit(e).map
    theta = np.array([found.outer_shift[0], found.outer[0]])
    arguments = (PHI[:, 0], Z, TRUTH, loss)
    best = minimize(by_hand, [0.3, 0.0], args=arguments, method="Nelder-Mead").fun
    assert by_hand(theta, *arguments) == pytest.approx(best, abs=1e-7)


def test_log_loss_without_features_is_temperature_scaling():
    e = Evidence(Probabilities.from_logits(Z), TRUTH, features=np.ones(300))
    found = CorrectnessAware(loss="log_loss").fit(e).map.temperatures(np.ones((1, 1)))[0]
    assert found == pytest.approx(TemperatureScaling().fit(e).map.temperature, rel=1e-5)


def test_confidence_tells_right_from_wrong_better_than_one_temperature():
    """Noise that a feature tells: the rank of confidence among right and wrong rows improves."""
    rng = np.random.default_rng(1)
    hard = rng.random(6_000) < 0.4
    z = rng.normal(0, 1.5, (6_000, 3))
    truth = (
        z * np.where(hard, 0.2, 1.5)[:, None] - np.log(-np.log(rng.random((6_000, 3))))
    ).argmax(1)
    e = Evidence(Probabilities.from_logits(2 * z), truth, features=hard.astype(float))
    learn, new = e.take(slice(0, 3_000)), e.take(slice(3_000, 6_000))
    right = new.prediction.probs.argmax(axis=1) == new.truth

    def auc(settings):
        said = settings.fit(learn).correct(new).probs.max(axis=1)
        return (said[right][:, None] > said[~right][None, :]).mean()

    assert auc(CorrectnessAware()) > auc(TemperatureScaling()) + 0.05


def test_balanced_weights_fit_a_table_that_is_half_right():
    """The published weights on a calibrated model: its confidence falls below its accuracy."""
    truth = (Z - np.log(-np.log(RNG.random((300, 4))))).argmax(axis=1)
    e = Evidence(Probabilities.from_logits(Z), truth, features=np.ones(300))
    plain, balanced = (CorrectnessAware(balanced=b).fit(e).correct(e).probs.max(axis=1).mean()
                       for b in (False, True))  # fmt: skip
    right = (Z.argmax(axis=1) == truth).mean()
    assert plain == pytest.approx(right, abs=0.04) and balanced < right - 0.08


def test_hidden_units_bend_the_temperature():
    """T = 3 in the middle and 1 outside: no line of the feature can say so."""
    rng = np.random.default_rng(2)
    f, z = rng.uniform(-2, 2, 8_000), rng.normal(0, 1.5, (8_000, 3))
    truth = (z - np.log(-np.log(rng.random((8_000, 3))))).argmax(axis=1)
    hot = np.where(np.abs(f) < 1, 3.0, 1.0)
    e = Evidence(Probabilities.from_logits(z * hot[:, None]), truth, features=f)
    found = CorrectnessAware(hidden=6).fit(e).map.temperatures(np.array([[-1.8], [0.0], [1.8]]))
    assert found == pytest.approx([1.0, 3.0, 1.0], rel=0.25)


def test_settings_that_make_no_sense():
    with pytest.raises(UsageError, match=r"CorrectnessAware: loss is 'mse'.*Pass one of correct"):
        CorrectnessAware(loss="mse")
    with pytest.raises(FitError, match=r"CorrectnessAware\.fit: the evidence has no features"):
        CorrectnessAware().fit(Evidence(Probabilities([0.5]), [1]))
