"""Losses of labelled rows at every threshold of a grid, and the threshold that they allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.estimate import Estimate
from trueup.core.validate import finite


@dataclass(frozen=True, eq=False)
class RiskThreshold:
    """The most useful threshold whose risk is held.

    Attributes
    ----------
    place
        Its place in the grid, or None where the rows allow none.
    threshold
        The threshold itself, an entry of the grid, or None.
    risk
        Mean loss at it on the rows that it was chosen on, and the bound that is held.
    allowed
        (t,) of bool: the thresholds that may be used.
    bounds
        (t,) what was compared at each threshold: a bound on the risk, or a p-value.

    Examples
    --------
    >>> none = RiskThreshold(None, None, Estimate(float("nan")), np.zeros(1, bool), np.ones(1))
    >>> print(none)
    no threshold is allowed
    """

    place: int | None
    threshold: object
    risk: Estimate
    allowed: np.ndarray
    bounds: np.ndarray

    def __str__(self) -> str:
        if self.place is None:
            return "no threshold is allowed"
        return f"threshold {self.threshold}, mean loss {self.risk}"


def check_losses(who: str, losses, thresholds, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Losses (n, t) as shares of ``largest``, and the grid (t, ...)."""
    found, grid = finite(who, losses, 2), np.asarray(thresholds)
    if not len(found) or grid.ndim == 0 or found.shape[1] != len(grid) or not len(grid):
        raise EvidenceError(
            who,
            f"losses {found.shape} and thresholds {grid.shape} do not fit",
            do="Pass a row of losses a labelled row, one column a threshold",
        )
    if found.min() < 0 or found.max() > largest:
        raise EvidenceError(
            who,
            f"losses reach from {found.min():g} to {found.max():g}",
            why=f"the bound holds for losses from 0 to largest = {largest:g}",
            do="Pass the largest loss that is possible as 'largest', or shift the losses",
        )
    return found / largest, grid


def check_risk(who: str, risk: float, largest: float) -> None:
    """Refuse a risk that no loss can exceed, or none can reach."""
    if not 0 < risk < largest < np.inf:
        raise UsageError(
            who, f"risk is {risk}, largest {largest}", do="Pass a risk between 0 and largest"
        )


def last_of(grid: np.ndarray, allowed: np.ndarray) -> tuple[int | None, object]:
    """Place and value of the last allowed threshold."""
    places = np.flatnonzero(allowed)
    if not len(places):
        return None, None
    found = grid[places[-1]]
    return int(places[-1]), found.item() if np.ndim(found) == 0 else tuple(found.tolist())
