"""The verbs: measure, correct, prove, by the names on the cards."""

import numpy as np
import pytest

import trueup as tu
from corrections import SETTINGS, number_cases, number_evidence, with_roles
from trueup.core import FitError, UsageError
from trueup.core.cards import read_cards


E = tu.worlds.confident_by_factor(2.0, rows=2_000, seed=1).evidence
POINTS = tu.Evidence(tu.Points(np.linspace(0, 1, 40)), np.linspace(0, 2, 40))


def test_measure_by_name():
    from trueup.calibration import brier

    assert tu.measure(E, "brier", level=0.9) == brier(E.truth, E.prediction, level=0.9)
    assert tu.measure(E, "calibration_test").value < 1e-9
    assert tu.measure(POINTS, "bias").value == pytest.approx(-0.5)


@pytest.mark.parametrize("name", [
    name for card in read_cards() if card.family in ("measures", "points")
    for name in card.public if name.islower()
])  # fmt: skip
def test_every_measure_has_its_verb(name):
    points = any(card.family == "points" and name in card.public for card in read_cards())
    assert tu.measure(POINTS if points else E, name).n in (40, 2_000)


@pytest.mark.parametrize("card", [c for c in read_cards() if c.family == "recalibrate"])
def test_every_correction_has_its_verb(card):
    fitted = tu.correct(with_roles(E), card.name, **SETTINGS.get(card.name, {}))
    assert fitted.method == card.name and isinstance(fitted, tu.Fitted)


@pytest.mark.parametrize(("card", "kind"), number_cases())
def test_every_correction_of_numbers_has_its_verb(card, kind):
    fitted = tu.correct(number_evidence(kind), card.name, **SETTINGS.get(card.name, {}))
    assert fitted.method == card.name and fitted.takes.kind == kind


def test_correct_passes_settings_on():
    assert tu.correct(E, "HistogramBinning", bins=3).map.parameters == {"steps": 3.0}


def test_prove_chooses_the_usual_score():
    new = tu.worlds.confident_by_factor(2.0, rows=2_000, seed=2).evidence
    fitted = tu.correct(E, "TemperatureScaling")
    made = tu.prove(None, fitted, on=new)
    assert (made.score, made.outcome.value) == ("log_loss", "proven")
    assert tu.prove(None, fitted, on=new, score="brier").score == "brier"
    better = tu.Points(2 * POINTS.prediction.values)
    assert tu.prove(None, better, on=POINTS).score == "mae"


def test_names_that_are_none():
    with pytest.raises(UsageError, match=r"no measure 'acc'\. Use auc, ace, accuracy, ece, mce or"):
        tu.measure(E, "acc")
    with pytest.raises(UsageError, match=r"correct: there is no 'Temperature'\. Use Temp"):
        tu.correct(E, "Temperature")
    with pytest.raises(UsageError, match=r"prove: there is no measure 'noise_floor'"):
        tu.prove(None, E.prediction, on=E, score="noise_floor")
    with pytest.raises(UsageError, match=r"correct: there is no 'accuracy'"):
        tu.correct(E, "accuracy")


def test_measures_and_corrections_of_another_kind_are_refused():
    with pytest.raises(tu.TrueupError, match=r"accuracy: the prediction is of kind 'points'"):
        tu.measure(POINTS, "accuracy")
    with pytest.raises(tu.TrueupError, match=r"mae: the prediction is of kind 'probabilities'"):
        tu.measure(E, "mae")
    with pytest.raises(FitError, match=r"TemperatureScaling\.fit: the prediction is of kind"):
        tu.correct(POINTS, "TemperatureScaling")
    sets = tu.Evidence(tu.Sets(np.ones((3, 2), bool), 0.9), [0, 1, 0])
    with pytest.raises(tu.TrueupError, match=r"accuracy: the prediction is of kind 'sets'"):
        tu.measure(sets, "accuracy")
    with pytest.raises(UsageError, match=r"prove: there is no usual score of 'sets'"):
        tu.prove(None, sets.prediction, on=sets)
