"""Quantiles that cross put in order: by sorting, or by the nearest rising sequence."""

from __future__ import annotations

import numpy as np

from trueup.core.errors import UsageError
from trueup.core.expressions import (
    Expr,
    Join,
    Linear,
    Pick,
    Sorted,
    Total,
    operate,
)


HOWS = ("sort", "isotonic")
"""How crossing quantiles are put in order."""

ORDERS = (*HOWS, "")
"""The same; empty leaves them."""


def rising(values: np.ndarray, *, how: str = "sort") -> np.ndarray:
    """Quantiles (n, q) in rising order; rows that do not cross stay as they are.

    Both ways never raise the mean pinball loss over the levels, whatever happens: sorting is a
    sequence of swaps, each of which gives the higher level the larger value; the isotonic
    projection averages swaps.

    Parameters
    ----------
    values
        (n, q) quantiles at rising levels.
    how
        ``"sort"``, ``"isotonic"`` (the rising sequence at the least squared distance), or empty.

    Examples
    --------
    >>> rising(np.array([[1.0, 3.0, 2.0]]), how="isotonic")
    array([[1. , 2.5, 2.5]])
    """
    if how not in ORDERS:
        raise UsageError("rising", f"how is '{how}'", do="Pass 'sort', 'isotonic' or ''")
    crossing = (np.diff(values, axis=1) < 0).any(axis=1)
    if not how or not crossing.any():
        return values
    made, mended = values.copy(), values[crossing]
    made[crossing] = np.sort(mended, axis=1) if how == "sort" else _isotonic(mended)
    return made


def _isotonic(values: np.ndarray) -> np.ndarray:
    """Least-squares rising rows, by the max-min formula: the largest over starts up to k of the
    least over ends from k of the mean in between.

    The expression of ``ordered`` says the same; of many levels this is several times faster.
    """
    q = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    best = np.full(values.shape, -np.inf)
    for start in range(q):
        means = (sums[:, start + 1 :] - sums[:, start : start + 1]) / np.arange(1, q - start + 1)
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        best[:, start:] = np.maximum(best[:, start:], least)
    return best


def ordered(x: Expr, *, how: str) -> Expr:
    """The columns of ``x`` in rising order, ``how`` as in ``rising``."""
    return Sorted(x) if how == "sort" else _projected(x)


def _projected(x: Expr) -> Expr:
    """The rising values nearest to the columns of ``x``, from the means of all their runs."""
    runs = [(a, b) for a in range(x.width) for b in range(a, x.width)]
    place = {run: i for i, run in enumerate(runs)}
    weight = np.zeros((len(runs), x.width))
    for i, (a, b) in enumerate(runs):
        weight[i, a : b + 1] = 1.0 / (b - a + 1)
    means = Linear(x, weight, np.zeros(len(runs)))
    # From the last column back: the least mean of the runs from every a that reach j or beyond.
    lows: Expr | None = None
    made: list[Expr] = []
    for j in range(x.width - 1, -1, -1):
        ending: Expr = Pick(means, tuple(place[a, j] for a in range(j + 1)))
        if lows is not None:
            ending = operate("least", ending, Pick(lows, tuple(range(j + 1))))
        lows = ending
        made.append(Total(lows, greatest=True))
    return Join(tuple(reversed(made)))
