r"""Variogram score: do members of several numbers differ from each other as the truth does?

.. math:: \mathrm{VS} = \sum_{a,b} \Big(|y_a - y_b|^p - \frac1m \sum_i |x_{ia} - x_{ib}|^p\Big)^2

over all ordered pairs of the d numbers of a row, each pair counted alike. Proper, but blind to what
moves all numbers together: an error common to all of them costs nothing. Read it beside the energy
score.

Examples
--------
>>> variogram_score([[0.0, 1.0]], [[[0.0, 4.0], [2.0, 2.0]]], power=0.5).value
0.0
"""

from __future__ import annotations

from functools import partial

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.estimate import Estimate
from trueup.forecast.scores.several import mean_score


CARD = Card(
    name="variogram_score",
    question="forecast",
    family="scores",
    summary="do members of several numbers depend on each other as the truth does?",
    paper="Scheuerer & Hamill 2015, Monthly Weather Review 143(4)",
    cost="O(n m d^2)",
    not_for="errors common to all numbers, which it does not see: use energy_score",
)


def variogram_score(
    y_true, y_pred, *, against=None, power=0.5, weight=None, cluster=None, time=None, level=0.95
) -> Estimate:
    """Mean variogram score, or with ``against`` its paired difference, with an interval.

    Parameters
    ----------
    y_true
        (n, d) numbers that happened.
    y_pred
        (n, m, d) members of each row.
    against
        Members (n, m', d) of another forecast; the estimate is then that of ``y_pred`` minus that
        of ``against``, below 0 where ``y_pred`` is better.
    power
        Power p > 0 of the differences; .5 keeps large ones from deciding.
    weight, cluster, time
        (n,) roles of rows, as in ``Evidence``.
    level
        Level of the interval, in (0, 1).
    """
    if not power > 0:
        raise UsageError("variogram_score", f"power is {power}", do="Pass a number above 0")
    rows = partial(_variogram, power=power)
    roles = {"weight": weight, "cluster": cluster, "time": time}
    return mean_score(
        "variogram_score", rows, y_true, y_pred, against=against, level=level, **roles
    )


def _variogram(members: np.ndarray, truth: np.ndarray, *, power: float) -> np.ndarray:
    score = np.zeros(len(truth))
    for step in range(1, truth.shape[1]):
        seen = np.abs(truth[:, step:] - truth[:, :-step]) ** power
        said = (np.abs(members[..., step:] - members[..., :-step]) ** power).mean(axis=1)
        score += 2 * ((seen - said) ** 2).sum(axis=1)
    return score
