"""Shares of rows of which few changed: the spread of so few says too little.

Where no row changed its mark the jackknife says that the difference is 0, without a doubt. But of n
rows up to 3 / n may still change that are not among these.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trueup.core.estimate import Estimate


FEW = 15
"""Changed rows below which exact limits are taken."""


def widened(difference: Estimate, marks: tuple[np.ndarray, np.ndarray]) -> Estimate:
    """The difference of two shares with limits that hold where few rows changed.

    Limits of Clopper and Pearson (1934) for the share of rows that became right and of those that
    became wrong, each at half the error: their difference covers at least as often as it says.

    Parameters
    ----------
    difference
        The paired difference.
    marks
        Two (n,), before and after: whether each row is right.

    Examples
    --------
    >>> same = np.ones(100, bool)
    >>> print(widened(Estimate(0.0, 0.0, 0.0, n=100), (same, same)))
    0.0000 (-0.0429 to 0.0429)
    """
    before, after = marks
    n, gained, lost = len(before), int((after & ~before).sum()), int((before & ~after).sum())
    if gained + lost >= FEW or not difference.finite:
        return difference
    error = (1 - difference.level) / 4
    up, down = (_limits(count, n, error) for count in (gained, lost))
    low, high = min(difference.low, up[0] - down[1]), max(difference.high, up[1] - down[0])
    how = f"exact limits, {gained} rows became right and {lost} wrong"
    return replace(difference, low=low, high=high, how=how)


def _limits(count: int, n: int, error: float) -> tuple[float, float]:
    from scipy.special import betaincinv

    low = float(betaincinv(count, n - count + 1, error)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - error)) if count < n else 1.0
    return low, high
