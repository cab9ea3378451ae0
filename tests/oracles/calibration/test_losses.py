"""Oracles: SciPy's bounded search for one scale, and worlds where both losses agree."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from trueup.calibration import TemperatureScaling, VectorScaling, brier, log_loss
from trueup.core import Evidence, Probabilities
from trueup.core.errors import UsageError
from trueup.worlds import confident_by_factor


@pytest.mark.parametrize(("classes", "factor"), [(2, 3.0), (4, 0.5), (10, 2.0)])
def test_the_temperature_of_least_brier_score_equals_a_search(classes, factor):
    e = confident_by_factor(factor, rows=500, classes=classes, seed=1).evidence
    weight = np.random.default_rng(0).exponential(size=500)
    learn = Evidence(e.prediction, e.truth, weight=weight)
    found = TemperatureScaling(loss="brier").fit(learn)

    def score(log_beta: float) -> float:
        said = Probabilities.from_logits(np.exp(log_beta) * e.prediction.log_probs())
        q = said.probs.copy()
        q[np.arange(500), e.truth] -= 1.0
        return float(weight @ (q**2).sum(axis=1) / weight.sum())

    best = minimize_scalar(score, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert found.converged
    assert np.log(found.map.temperature) == pytest.approx(-best.x, abs=1e-5)


def test_both_losses_find_the_truth_and_differ_by_chance():
    e = confident_by_factor(2.0, rows=20_000, classes=3, seed=2).evidence
    one, two = (
        TemperatureScaling(loss=name).fit(e).map.temperature for name in ("log_loss", "brier")
    )
    assert one != two and [one, two] == pytest.approx([2.0, 2.0], abs=0.1)


def test_each_loss_is_least_where_it_was_made_least():
    e = confident_by_factor(2.0, rows=300, classes=4, seed=3).evidence
    for kind in (TemperatureScaling, VectorScaling):
        by_log, by_brier = (
            kind(loss=name).fit(e).apply(e.prediction) for name in ("log_loss", "brier")
        )
        assert log_loss(e.truth, by_log).value <= log_loss(e.truth, by_brier).value
        assert brier(e.truth, by_brier).value <= brier(e.truth, by_log).value


def test_always_right_has_no_minimum_by_either_loss():
    said = np.full((60, 3), 0.1) + 0.7 * np.eye(3)[np.arange(60) % 3]
    e = Evidence(Probabilities(said), np.arange(60) % 3)
    for name in ("log_loss", "brier"):
        assert not TemperatureScaling(loss=name).fit(e).converged


def test_an_unknown_loss_is_an_error():
    e = confident_by_factor(2.0, rows=20).evidence
    for kind in (TemperatureScaling, VectorScaling):
        with pytest.raises(UsageError, match=r"there is no loss 'hinge'.* log_loss, brier"):
            kind(loss="hinge").fit(e)
