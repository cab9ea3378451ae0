"""Oracles: curves known in closed form, ridge regression by hand, and leaving out by refitting."""

import numpy as np
import pytest

from trueup.calibration import MetaCalibrator, PlattScaling, TemperatureScaling, log_loss
from trueup.calibration.unlabelled.meta_calibrator import STRENGTHS, traits
from trueup.core import Evidence, FitError, LeakageError, Points, Probabilities
from trueup.core.proof import prove
from trueup.worlds import confident_by_factor


def family(count, *, classes=2, rows=1_500, seed=0):
    """Tasks with factors and shifts of their own, and those numbers."""
    rng = np.random.default_rng(seed)
    factors = np.exp(rng.uniform(-0.8, 0.8, count))
    shifts = rng.normal(0, 0.3, count) if classes == 2 else np.zeros(count)
    tasks = [
        confident_by_factor(f, shift=s, rows=rows, classes=classes, seed=1000 * seed + i).evidence
        for i, (f, s) in enumerate(zip(factors, shifts, strict=True))
    ]
    return tasks, factors, shifts


@pytest.fixture(scope="module")
def events():
    """Learned from 60 tasks of an event."""
    return MetaCalibrator().fit(family(60)[0])


def test_finds_the_true_curves_of_new_tasks(events):
    """True is x / factor - shift / factor; Platt on 1,500 rows of truth errs by .05 (sd)."""
    new, factors, shifts = family(40, seed=7)
    found = [events.calibrate(task.prediction).map for task in new]
    slopes = np.array([line.slope for line in found])
    starts = np.array([line.intercept for line in found])
    assert np.sqrt(np.mean((slopes * factors - 1) ** 2)) < 0.08
    assert np.sqrt(np.mean((starts + shifts / factors) ** 2)) < 0.15
    assert 0.9 < events.skill < 1


def test_finds_the_true_temperature_of_several_classes():
    meta = MetaCalibrator().fit(family(40, classes=4)[0])
    new, factors, _ = family(20, classes=4, seed=7)
    found = np.array([meta.calibrate(task.prediction).map.temperature for task in new])
    assert np.sqrt(np.mean(np.log(found / factors) ** 2)) < 0.05


def test_is_proven_without_truth_and_refuses_what_it_learned_from(events):
    new = confident_by_factor(2.0, rows=4_000, seed=99).evidence
    fitted = events.calibrate(new.prediction)
    assert prove(None, fitted, on=new, score=log_loss).outcome.value == "proven"
    with pytest.raises(LeakageError, match="MetaCalibrator was fitted on 1500 of the 1500 rows"):
        prove(None, fitted, on=family(60)[0][3], score=log_loss)


def by_hand(found, numbers, strength):
    """Coefficients and intercept of ridge regression on standardised traits."""
    middle, scale = found.mean(axis=0), found.std(axis=0)
    x, unit = (found - middle) / scale, numbers.std(axis=0)
    y = numbers / unit
    inner = x.T @ x + strength * np.eye(x.shape[1])
    weight = unit[:, None] * np.linalg.solve(inner, x.T @ (y - y.mean(axis=0))).T / scale
    return weight, numbers.mean(axis=0) - weight @ middle


def left_out(found, numbers, strength):
    """Squared errors, in units of the spread, of each task predicted without it."""
    x = (found - found.mean(axis=0)) / found.std(axis=0)
    y = numbers / numbers.std(axis=0)
    total = 0.0
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        mx, my = x[rest].mean(axis=0), y[rest].mean(axis=0)
        inner = (x[rest] - mx).T @ (x[rest] - mx) + strength * np.eye(x.shape[1])
        beta = np.linalg.solve(inner, (x[rest] - mx).T @ (y[rest] - my))
        total += ((y[i] - my - (x[i] - mx) @ beta) ** 2).sum()
    return total


def test_equals_ridge_regression_by_hand_with_the_best_strength():
    tasks, _, _ = family(25, rows=400, seed=3)
    lines = [PlattScaling().fit(task).map for task in tasks]
    numbers = np.array([[np.log(line.slope), line.intercept] for line in lines])
    found = np.stack([traits(task.prediction) for task in tasks])
    errors = [left_out(found, numbers, strength) for strength in STRENGTHS]
    meta = MetaCalibrator().fit(tasks)
    weight, shift = by_hand(found, numbers, STRENGTHS[int(np.argmin(errors))])
    assert np.allclose(meta.weight, weight, rtol=1e-6, atol=1e-9)
    assert np.allclose(meta.shift, shift, rtol=1e-6, atol=1e-9)
    # Variance of a standardised number is 1: the spread of two numbers over 25 tasks is 50.
    assert meta.skill == pytest.approx(1 - min(errors) / 50, abs=1e-6)


def test_numbers_stay_in_the_range_of_the_tasks(events):
    absurd = Probabilities(np.tile([1e-9, 1 - 1e-9], 200))
    line = events.calibrate(absurd).map
    assert events.least[0] <= np.log(line.slope) <= events.greatest[0]
    assert events.least[1] <= line.intercept <= events.greatest[1]


def test_predictions_that_say_nothing_have_no_skill():
    """Every task says the same, whatever is true: only the mean curve is left."""
    rng = np.random.default_rng(0)
    tasks = []
    for factor in np.exp(rng.uniform(-0.8, 0.8, 40)):
        x = np.random.default_rng(1).normal(0, 1.5, 1_000)
        y = rng.random(1_000) < 1 / (1 + np.exp(-x / factor))
        tasks.append(Evidence(Probabilities(1 / (1 + np.exp(-x))), y))
    assert MetaCalibrator().fit(tasks).skill < 0.05


def test_what_it_cannot_learn_from_is_refused(events):
    tasks, _, _ = family(12, rows=50)
    points = Evidence(Points(np.ones(9)), np.ones(9))
    three = confident_by_factor(2.0, rows=50, classes=3).evidence
    for wrong in (tasks[:9], [], [*tasks, points], [*tasks, three]):
        with pytest.raises(FitError, match=r"MetaCalibrator.fit: got \d+ tasks .* at least 10"):
            MetaCalibrator().fit(wrong)
    with pytest.raises(FitError, match="got 50 rows of 'probabilities' for tasks of 2 classes"):
        events.calibrate(three.prediction)
    with pytest.raises(FitError, match="got 9 rows of 'points'"):
        events.calibrate(points.prediction)


def test_tasks_of_one_kind_only():
    """Identical tasks: nothing varies, so nothing is explained and the common curve is used."""
    task = confident_by_factor(2.0, rows=500, classes=3).evidence
    meta = MetaCalibrator().fit([task] * 10)
    fitted = TemperatureScaling().fit(task)
    found = meta.calibrate(task.prediction).map.temperature
    assert found == pytest.approx(fitted.map.temperature)
    assert meta.skill == 0.0
