"""Central intervals: what every kind of prediction of a number says holds the truth how often."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from scipy.special import ndtri

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.predictions import (
    Ensemble,
    Intervals,
    Normal,
    Prediction,
    Quantiles,
)


LAWS = ("normal", "quantiles", "ensemble", "intervals")
"""Kinds of prediction of a number that say how sure they are."""

USUAL = 0.9
"""Level of the central interval of a prediction that has many."""


def nominal_of(prediction: Prediction, nominal: float | None) -> float:
    """The level that is asked for; None means that of intervals, and .9 of every other kind."""
    if nominal is not None:
        return nominal
    return float(prediction.level) if isinstance(prediction, Intervals) else USUAL


def central_of(
    prediction: Prediction, nominal: float | None = None, *, who: str = "central_of"
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high (n,) of the central interval that a prediction states at a level.

    Nothing is interpolated between quantiles, and nothing made up beyond the outermost ones. Of m
    members that are of the same law as the truth, the k-th from below and the k-th from above hold
    the truth with probability ``1 - 2 k / (m + 1)``; levels between these are interpolated.

    Parameters
    ----------
    nominal
        Share of truths that the interval is said to hold, in (0, 1); None means the level of
        intervals, and .9 of every other kind.
    who
        Who complains where the prediction has no such interval.

    Examples
    --------
    >>> central_of(Quantiles([0.05, 0.5, 0.95], [[0.0, 1.0, 3.0]]), 0.9)
    (array([0.]), array([3.]))
    """
    level = nominal_of(prediction, nominal)
    if not 0 < level < 1:
        raise UsageError(who, f"nominal is {level}", do="Pass a share in (0, 1), such as 0.9")
    return _central(prediction, level, who)


def states_central(prediction: Prediction, nominal: float) -> bool:
    """Whether a prediction states a central interval at the level ``nominal``.

    Examples
    --------
    >>> states_central(Quantiles([0.25, 0.75], [[0.0, 1.0]]), 0.9)
    False
    """
    try:
        central_of(prediction.take(slice(0, 0)), nominal)
    except EvidenceError:
        return False
    return True


@singledispatch
def _central(prediction: Prediction, level: float, who: str) -> tuple[np.ndarray, np.ndarray]:
    raise EvidenceError(
        who,
        f"a prediction of kind '{prediction.kind}' states no interval",
        do=f"Pass one of {', '.join(LAWS)}",
    )


@_central.register
def _(prediction: Normal, level: float, who: str):
    half = prediction.sd * ndtri((1 + level) / 2)
    return prediction.mean - half, prediction.mean + half


@_central.register
def _(prediction: Intervals, level: float, who: str):
    if abs(prediction.level - level) > 1e-9:
        raise EvidenceError(
            who,
            f"no interval at level {level:g}: these are stated at {prediction.level:g}",
            do=f"Ask for {prediction.level:g}",
        )
    return prediction.low, prediction.high


@_central.register
def _(prediction: Quantiles, level: float, who: str):
    place = [level_place(prediction, tail) for tail in ((1 - level) / 2, (1 + level) / 2)]
    if None in place:
        wanted = f"{(1 - level) / 2:g} and {(1 + level) / 2:g}"
        raise EvidenceError(
            who,
            f"no interval at level {level:g}: it needs the quantiles at {wanted}; "
            f"levels at hand: {', '.join(f'{x:g}' for x in prediction.levels)}",
            do="Ask for a level at hand, or predict these quantiles",
        )
    return prediction.values[:, place[0]], prediction.values[:, place[1]]


@_central.register
def _(prediction: Ensemble, level: float, who: str):
    m = prediction.members.shape[1]
    place = round((m + 1) * (1 - level) / 2, 9)
    if place < 1:
        raise EvidenceError(
            who,
            f"no interval at level {level:g}: the range of {m} members holds {(m - 1) / (m + 1):g}",
            do="Ask for a lower level, or predict more members",
        )
    k, share = int(place), place - int(place)
    ranked = np.sort(prediction.members, axis=1)
    more = ranked[:, k] - ranked[:, k - 1], ranked[:, m - k] - ranked[:, m - k - 1]
    return ranked[:, k - 1] + share * more[0], ranked[:, m - k] - share * more[1]


def level_place(prediction: Quantiles, level: float) -> int | None:
    """Column of the quantile at ``level``, or None."""
    near = np.flatnonzero(np.abs(prediction.levels - level) < 1e-9)
    return int(near[0]) if len(near) else None
