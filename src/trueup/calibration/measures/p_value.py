"""What the tests of calibration share: a p-value of a cube, and the law of few surprises."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
from scipy.special import pdtr, pdtrc

from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.measure import AbstractStatistic


LEAST_VARIANCE = 2.0
"""Null variance in rows from which a normal law is fair: about as many expected surprises."""


class AbstractPValue(AbstractStatistic):
    """p-value of the hypothesis that a model is calibrated; a final class gives law and value.

    With fewer than two expected surprises in all, the number of surprises is compared with its
    Poisson law instead.
    """

    better = "higher"
    reach = (0.0, 1.0)

    def estimate(self, cube: Cube, *, level: float = 0.95) -> Estimate:
        """The p-value, without an interval."""
        return Estimate(self._p_value(cube), level=level, n=cube.n, how=self.law(cube))

    def _p_value(self, cube: Cube) -> float:
        if not cube.n:
            return math.nan
        if row_variance(cube) < LEAST_VARIANCE * row_weight(cube) ** 2:
            return few_surprises(cube)
        return self.p_value(cube)

    @abstractmethod
    def law(self, cube: Cube) -> str:
        """The law that the statistic is compared with, in words."""

    @abstractmethod
    def p_value(self, cube: Cube) -> float:
        """The p-value where surprises are not few."""


def row_variance(cube: Cube) -> float:
    """``sum w^2 p (1 - p)``, with the mean score of each bin for that of its rows."""
    w, p = cube.table["w"].sum(axis=0), cube.table["p"].sum(axis=0)
    mean = p / np.where(w > 0, w, 1.0)
    return float((cube.table["w2"].sum(axis=0) * mean * (1 - mean)).sum())


def row_weight(cube: Cube) -> float:
    """Weight of an effective row: 1 without weights, and the unit that counts are made in."""
    w, w2 = cube.table.total("w", "w2").sum(axis=0)
    return float(w2 / w)


def few_surprises(cube: Cube) -> float:
    """Two-sided p-value of the number of surprises, which is small and so nearly Poisson."""
    w, y, p = (cube.table[name].sum(axis=0) / row_weight(cube) for name in ("w", "y", "p"))
    high = cube.grid.above_half
    seen = np.where(high, w - y, y).sum()
    expected = np.where(high, w - p, p).sum()
    upper = pdtrc(math.ceil(seen) - 1, expected) if seen > 0 else 1.0
    return float(min(1.0, 2 * min(upper, pdtr(math.floor(seen), expected))))
