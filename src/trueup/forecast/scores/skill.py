r"""Skill: the share of another forecast's score that a forecast saves.

.. math:: 1 - \frac{\bar S}{\bar S_{\mathrm{ref}}}

1 is perfect, 0 is as good as the reference, below 0 is worse. Without a unit, so that series can be
compared. The means are taken before the ratio: a mean of ratios of rows would be no proper
comparison. The interval comes from the same groups of rows left out of both.

Examples
--------
>>> from trueup.core import Normal
>>> from trueup.worlds import forecasts
>>> e = forecasts("normal", rows=4_000).evidence
>>> climate = Normal(np.full(4_000, e.truth.mean()), np.full(4_000, e.truth.std()))
>>> found = skill(e.truth, e.prediction, against=climate)
>>> 0.6 < found.low < found.high < 0.7
True
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.jackknife import interval
from trueup.core.measure import AbstractMeasure, check_level
from trueup.core.predictions import Prediction
from trueup.core.rows import NOBODY
from trueup.forecast.scores.usual import usual_score


CARD = Card(
    name="skill",
    question="forecast",
    family="scores",
    summary="share of another forecast's score that a forecast saves",
    paper="Murphy 1988, Monthly Weather Review 116(12)",
    cost="that of the score, twice",
    not_for="references that are almost perfect: a ratio to almost nothing",
)


def skill(
    y_true,
    y_pred: Prediction,
    *,
    against: Prediction,
    score: AbstractMeasure | None = None,
    weight=None,
    cluster=None,
    time=None,
    level: float = 0.95,
) -> Estimate:
    """Skill of a forecast against another one of the same rows, with its interval.

    Parameters
    ----------
    y_true
        (n,) numbers that happened.
    y_pred, against
        Predictions of the same rows, which ``score`` can judge.
    score
        A measure that is least for the best; None means the CRPS of normal laws, quantiles and
        ensembles, and the interval score of intervals.
    weight, cluster, time
        (n,) roles of rows, as in ``Evidence``.
    level
        Level of the interval, in (0, 1).
    """
    check_level("skill", level)
    by = score or usual_score("skill", y_pred)
    roles = {"weight": weight, "cluster": cluster, "time": time, "rows": NOBODY}
    cubes = [by.cube(Evidence(said, y_true, **roles)) for said in (y_pred, against)]
    return skill_of_cubes(by, *cubes, level=level)


def skill_of_cubes(
    score: AbstractMeasure, cube: Cube, against: Cube, *, level: float = 0.95
) -> Estimate:
    """Skill by ``score`` from the sums of two forecasts of the same rows, in the same groups.

    Examples
    --------
    >>> from trueup.core import Points
    >>> from trueup.error import mae
    >>> truth = np.zeros(40)
    >>> cubes = [mae.cube(Evidence(Points(truth + off), truth)) for off in (1.0, 2.0)]
    >>> skill_of_cubes(mae, *cubes).value
    0.5
    """
    one, two = (score.replicates(each) for each in (cube, against))
    saved = replace(
        one,
        value=float(_saved(score, [one.value], [two.value])[0]),
        without=_saved(score, one.without, two.without),
        linear=False,
    )
    low, high, how = interval(saved, level=level)
    return Estimate(saved.value, low, high, level, cube.n, f"paired {how}")


def _saved(score: AbstractMeasure, one, two) -> np.ndarray:
    a, b = (np.array([score.scale(x) for x in values]) for values in (one, two))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - a / b
