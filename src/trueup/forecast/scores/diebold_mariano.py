r"""Diebold-Mariano test: do two forecasts of a series differ by more than chance explains?

With :math:`d_t` the difference of their scores at time t (its mean over the rows of that time),

.. math:: \mathrm{DM} = \bar d \Big/ \sqrt{\hat V / T}, \quad
          \hat V = \hat\gamma_0 + 2 \sum_{k=1}^{h-1} \hat\gamma_k

because scores of forecasts h steps ahead depend on each other over h - 1 steps. Harvey, Leybourne
and Newbold multiply it by :math:`\sqrt{(T + 1 - 2 h + h (h - 1) / T) / T}` and compare with
Student's t of T - 1 degrees of freedom, which keeps the rate of false alarms in short series. Where
the variance comes out negative, covariances are weighted by :math:`1 - k / h` (Bartlett).

Examples
--------
>>> from trueup.core import Normal
>>> from trueup.worlds import forecasts
>>> e = forecasts("normal", rows=500).evidence
>>> wide = Normal(e.prediction.mean, 2 * e.prediction.sd)
>>> found = diebold_mariano(e.truth, e.prediction, against=wide)
>>> found.difference.value < 0, found.p_value < 0.001
(True, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.errors import UsageError
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.jackknife import interval, t_p_value, t_quantile
from trueup.core.measure import AbstractMeasure, check_level
from trueup.core.predictions import Points, Prediction
from trueup.core.row_score import AbstractRowScore
from trueup.core.rows import NOBODY
from trueup.forecast.scores.usual import usual_score


CARD = Card(
    name="diebold_mariano",
    question="forecast",
    family="scores",
    summary="p-value: do two forecasts of a series differ by more than chance explains?",
    paper=(
        "Diebold & Mariano 1995, JBES 13(3); "
        "Harvey, Leybourne, Newbold 1997, International Journal of Forecasting 13(2)"
    ),
    cost="that of the score, twice",
    not_for="scores that depend on each other for longer than the horizon: pass a longer one",
)


@dataclass(frozen=True)
class Comparison:
    """What a test of two forecasts found.

    Attributes
    ----------
    difference
        Mean score of the forecast minus that of the other, with its interval.
    statistic
        The difference in standard errors.
    p_value
        How often chance alone would give as much, two-sided; NaN where nothing varies.
    """

    difference: Estimate
    statistic: float
    p_value: float


def diebold_mariano(
    y_true,
    y_pred: Prediction,
    *,
    against: Prediction,
    score: AbstractRowScore | Callable | None = None,
    time=None,
    horizon: int = 1,
    level: float = 0.95,
) -> Comparison:
    """Compare two forecasts of a series.

    Parameters
    ----------
    y_true
        (n,) numbers that happened, in the order of time where ``time`` is None.
    y_pred, against
        Predictions of the same rows.
    score
        A score of rows, such as ``crps``, or a function ``(prediction, truth) -> (n,)``; None means
        the CRPS of laws, the interval score of intervals and the absolute error of points.
    time
        (n,) numbers or datetimes; rows of one time count as one, by their mean. None means that
        every row is a time of its own.
    horizon
        Steps ahead h >= 1 of the forecasts.
    level
        Level of the interval of the difference, in (0, 1).
    """
    check_level("diebold_mariano", level)
    each = [
        _scores(Evidence(said, y_true, time=time, rows=NOBODY), score) for said in (y_pred, against)
    ]
    d = _by_time(each[0] - each[1], None if time is None else np.asarray(time))
    if not 1 <= horizon < max(len(d), 2):
        raise UsageError(
            "diebold_mariano",
            f"horizon is {horizon} for {len(d)} times",
            do="Pass a whole number of steps, from 1 to fewer than there are times",
        )
    return _compared(d, horizon, level=level, rows=len(each[0]))


def compared_by_groups(
    score: AbstractMeasure, cube: Cube, against: Cube, *, level: float = 0.95
) -> Comparison:
    """The test from the sums of two forecasts in groups of rows, where no row is at hand.

    A group takes the place of a time: the variance of the difference is that of leaving out one
    group after another, and the statistic has Student's law at the effective number of groups minus
    one. Blocks of time must be longer than scores depend on each other.

    Examples
    --------
    >>> from trueup.error import mae
    >>> truth = np.zeros(4_000)
    >>> errors = np.random.default_rng(0).normal(size=(2, 4_000))
    >>> said = [Points(errors[0]), Points(2 * errors[1])]
    >>> cubes = [mae.cube(Evidence(each, truth)) for each in said]
    >>> compared_by_groups(mae, *cubes).p_value < 0.001
    True
    """
    one, two = (score.replicates(each) for each in (cube, against))
    made = one.minus(two, scale=score.scale)
    low, high, how = interval(made, level=level)
    found = Estimate(made.value, low, high, level, cube.n, f"Diebold-Mariano, {how}")
    error = math.sqrt(made.variance)
    statistic = made.value / error if error > 0 else math.nan
    return Comparison(found, statistic, t_p_value(made.value, made.variance, df=made.freedom))


def _scores(evidence: Evidence, score) -> np.ndarray:
    prediction, truth = evidence.prediction, evidence.truth
    if score is None and isinstance(prediction, Points):
        return np.abs(prediction.values - truth)
    score = score or usual_score("diebold_mariano", prediction)
    if isinstance(score, AbstractRowScore):
        score.check_kind(evidence)
        return score.of_blocks(evidence)[score.name]
    if callable(score) and not hasattr(score, "cube"):
        return np.asarray(score(prediction, truth), dtype=np.float64)
    raise UsageError(
        "diebold_mariano",
        f"'{score.name}' has no score of every row",
        do="Pass a function (prediction, truth) -> (n,), or leave score out",
    )


def _by_time(d: np.ndarray, time: np.ndarray | None) -> np.ndarray:
    """(T,) mean of ``d`` (n,) at every time, in order."""
    if time is None:
        return d
    _, place = np.unique(time, return_inverse=True)
    return np.bincount(place, weights=d) / np.bincount(place)


def _compared(d: np.ndarray, h: int, *, level: float, rows: int) -> Comparison:
    t = len(d)
    if t < 2:
        how = "no interval: too few times"
        mean = float(d.mean()) if t else math.nan
        return Comparison(Estimate(mean, level=level, n=rows, how=how), math.nan, math.nan)
    mean = float(d.mean())
    variance, kernel = _long_run(d - mean, h)
    shorter = (t + 1 - 2 * h + h * (h - 1) / t) / t
    error = math.sqrt(variance / t / shorter)
    half = t_quantile(level, t - 1) * error
    how = f"Diebold-Mariano, horizon {h}, {kernel}t({t - 1})"
    found = Estimate(mean, mean - half, mean + half, level, rows, how)
    statistic = mean / error if error > 0 else math.nan
    return Comparison(found, statistic, t_p_value(mean, error**2, df=t - 1))


def _long_run(d: np.ndarray, h: int) -> tuple[float, str]:
    """Variance of a centred series that is dependent over ``h`` - 1 steps."""
    t = len(d)
    gamma = np.array([d[k:] @ d[: t - k] / t for k in range(h)])
    variance = gamma[0] + 2 * gamma[1:].sum()
    if variance > 0 or h == 1:
        return float(variance), ""
    return float(gamma[0] + 2 * ((1 - np.arange(1, h) / h) * gamma[1:]).sum()), "Bartlett, "
