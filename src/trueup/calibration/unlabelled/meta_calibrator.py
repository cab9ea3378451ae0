"""Meta-calibration: the calibration curve of a new task, from its predictions alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.platt import Line, PlattScaling
from trueup.calibration.recalibrate.temperature import Temperature, TemperatureScaling
from trueup.core.cards import Card
from trueup.core.errors import FitError
from trueup.core.events import log_odds
from trueup.core.evidence import Evidence
from trueup.core.fitted import AbstractMap, Fitted
from trueup.core.forms import Form
from trueup.core.probabilities import Probabilities
from trueup.core.rows import Rows


CARD = Card(
    name="MetaCalibrator",
    question="calibration",
    family="unlabelled",
    summary="learn from many tasks which curve goes with which predictions; new ones need no truth",
    axes={"map": "scale and shift", "loss": "squared, over tasks", "grouping": "task"},
    paper="Amini-Naieni, Jakab, Vedaldi, Clark, Uncertainty Calibration of NeRFs, ECCV 2024",
    mission=(15,),
    cost="a Platt fit a task, then O(tasks); milliseconds for a new task",
    not_for="a task unlike those it learned from: nothing in the predictions warns of that",
)
LEAST_TASKS = 10
LEAST_SLOPE = 0.01
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
STRENGTHS = 10.0 ** np.arange(-3, 4)


@dataclass(frozen=True)
class MetaCalibrator:
    r"""Predict the calibration curve of a task from how its uncalibrated predictions are spread.

    Use it where every new task (a scene, a customer, a freshly trained model) comes without truth
    but many earlier tasks had it. With some hundred rows of truth of the task itself, fit
    ``PlattScaling`` on those instead.

    For an event the curve is a line through the log-odds, :math:`a + b x` (Platt); for more classes
    it is one temperature :math:`T`. Ridge regression over the tasks maps the traits of the
    predictions (quantiles and spread of the log-odds, mean confidence, entropy) to
    :math:`(\log b, a)` or :math:`\log T`; its strength is chosen by leaving out a task at a time.
    Numbers never leave the range that the tasks had. The paper predicts principal components of the
    curve by a network from images; here it is the same idea for tables of predictions.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> factors = np.linspace(0.5, 3.0, 26)
    >>> tasks = [confident_by_factor(f, rows=2_000, seed=i) for i, f in enumerate(factors)]
    >>> meta = MetaCalibrator().fit([task.evidence for task in tasks])
    >>> new = confident_by_factor(2.0, rows=2_000, seed=99).evidence.prediction
    >>> round(meta.calibrate(new).map.slope, 1)
    0.5
    """

    def fit(self, tasks: Sequence[Evidence]) -> FittedMetaCalibrator:
        """Learn from tasks whose truth is known.

        Parameters
        ----------
        tasks
            At least 10 pieces of evidence of ``Probabilities`` with the same number of classes.

        Raises
        ------
        FitError
            Too few tasks, or tasks of different kinds.
        """
        k = _classes(tasks)
        curve = PlattScaling() if k == 2 else TemperatureScaling()
        numbers = np.stack([_numbers(curve.fit(task).map) for task in tasks])
        found = np.stack([traits(task.prediction) for task in tasks])
        return _regress(found, numbers, k=k, rows=_all_rows(tasks))


@dataclass(frozen=True, eq=False)
class FittedMetaCalibrator:
    """What was learned from many tasks.

    Attributes
    ----------
    k
        Number of classes.
    rows
        The rows of all tasks; ``prove`` refuses them.
    weight, shift
        (m, f) and (m,): numbers of the curve from traits of the predictions.
    least, greatest
        (m,) range of the numbers over the tasks.
    skill
        Share of the variance of the numbers between tasks that is explained for a task left out; at
        most 1. At 0 or below the predictions say nothing about their own curve: use something else.
    """

    k: int
    rows: Rows
    weight: np.ndarray
    shift: np.ndarray
    least: np.ndarray
    greatest: np.ndarray
    skill: float

    def calibrate(self, prediction: Probabilities) -> Fitted:
        """The correction of a new task.

        Parameters
        ----------
        prediction
            Predictions of the new task, with the classes of the tasks; some hundred rows at least.

        Raises
        ------
        FitError
            Another kind of prediction, or no rows.
        """
        if getattr(prediction, "k", None) != self.k or len(prediction) == 0:
            raise FitError(
                "MetaCalibrator.calibrate",
                f"got {len(prediction)} rows of '{prediction.kind}' for tasks of {self.k} classes",
                do="Pass Probabilities of the classes of the tasks",
            )
        numbers = np.clip(
            self.weight @ traits(prediction) + self.shift, self.least, self.greatest
        ).tolist()
        made: AbstractMap
        if self.k == 2:
            made = Line(float(np.exp(numbers[0])), numbers[1])
        else:
            made = Temperature(float(np.exp(numbers[0])))
        return Fitted("MetaCalibrator", made, Form("probabilities", self.k), self.rows)


def traits(prediction: Probabilities) -> np.ndarray:
    """Traits (f,) of predictions: how the log-odds of the event, or of the top class, spread."""
    logs = prediction.log_probs()
    x = logs[:, 1] - logs[:, 0] if prediction.k == 2 else log_odds(logs.max(axis=1))
    p, share = 1 / (1 + np.exp(-np.clip(x, -500, 500))), np.exp(logs)
    entropy = -(share * logs).sum(axis=1).mean() / np.log(prediction.k)
    spread = np.log(max(float(x.std()), 1e-6))
    # Log-odds of some models reach hundreds: arsinh is a logarithm there and a line near 0.
    return np.array([*np.arcsinh(np.quantile(x, LEVELS)), spread, p.mean(), p.std(), entropy])


def _numbers(fitted: AbstractMap) -> np.ndarray:
    """The numbers that stand for a curve: positive ones as logarithms."""
    if isinstance(fitted, Temperature):
        return np.log([fitted.temperature])
    assert isinstance(fitted, Line)
    # A falling line is a model worse than chance: treated as one that says nothing.
    return np.array([np.log(max(fitted.slope, LEAST_SLOPE)), fitted.intercept])


def _regress(found, numbers, *, k: int, rows: Rows) -> FittedMetaCalibrator:
    from sklearn.linear_model import RidgeCV

    middle, scale = found.mean(axis=0), found.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    unit = np.where(numbers.std(axis=0) > 0, numbers.std(axis=0), 1.0)
    ridge = RidgeCV(STRENGTHS, store_cv_results=True).fit((found - middle) / scale, numbers / unit)
    place = int(np.flatnonzero(ridge.alpha_ == STRENGTHS)[0])
    errors = ridge.cv_results_[..., place]
    varied = ((numbers / unit - (numbers / unit).mean(axis=0)) ** 2).sum()
    weight = unit[:, None] * np.atleast_2d(ridge.coef_) / scale
    shift = unit * np.atleast_1d(ridge.intercept_) - weight @ middle
    skill = 1.0 - float(errors.sum() / varied) if varied > 0 else 0.0
    return FittedMetaCalibrator(
        k, rows, weight, shift, numbers.min(axis=0), numbers.max(axis=0), skill
    )


def _classes(tasks: Sequence[Evidence]) -> int:
    """The number of classes that all tasks share."""
    kinds = {getattr(task.prediction, "k", 0) for task in tasks}
    if len(tasks) < LEAST_TASKS or len(kinds) != 1 or 0 in kinds:
        raise FitError(
            "MetaCalibrator.fit",
            f"got {len(tasks)} tasks with {sorted(kinds)} classes (0: no probabilities)",
            do=f"Pass at least {LEAST_TASKS} tasks of Probabilities with equally many classes",
        )
    return kinds.pop()


def _all_rows(tasks: Sequence[Evidence]) -> Rows:
    ids = np.concatenate([task.rows.ids for task in tasks])
    contents = [task.rows.contents for task in tasks]
    known = [c for c in contents if c is not None]
    return Rows(ids, np.concatenate(known) if len(known) == len(contents) else None)
