"""A curve with its band: what a measurement at many points returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trueup.core.estimate import Estimate
from trueup.core.jackknife import t_quantile


DRAWS = 2000
"""Drawn bands: the width of a simultaneous band is then known to about 1 %."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at ``x`` and the band that holds them.

    Attributes
    ----------
    x
        (m,) places.
    value, low, high
        (m,) values and the ends of the band.
    level
        Share of such bands that hold the whole truth where ``simultaneous``, else each point of it.
    n
        Rows behind the curve.
    how
        How the band was made, in words.
    simultaneous
        Whether the band holds for all points at once.

    Examples
    --------
    >>> flat = np.zeros(2)
    >>> curve = Curve(np.array([0.1, 0.2]), flat, flat - 1, flat + 1, n=9)
    >>> len(curve), str(curve.at(0.2))
    (2, '0.0000 (-1.0000 to 1.0000)')
    """

    x: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float = 0.95
    n: int = 0
    how: str = ""
    simultaneous: bool = False

    def __len__(self) -> int:
        return len(self.x)

    def __iter__(self) -> Iterator[Estimate]:
        return (self._estimate(i) for i in range(len(self)))

    def at(self, x: float) -> Estimate:
        """The estimate at the place next to ``x``."""
        return self._estimate(int(np.abs(self.x - x).argmin()))

    def _estimate(self, i: int) -> Estimate:
        value, low, high = (float(column[i]) for column in (self.value, self.low, self.high))
        return Estimate(value, low, high, self.level, self.n, self.how)

    @classmethod
    def of(
        cls, x, without: np.ndarray, value, *, sizes, n: int, level: float, simultaneous: bool, few
    ) -> Curve:
        """Curve of ``value`` (m,), with the band that its values ``without`` (g, m) a group give.

        ``few`` (m,) is a variance that is added where the values vary at all: what the jackknife
        cannot know where next to nothing has happened.

        Delete-a-group jackknife at each point. A simultaneous band is as many standard errors wide
        as the largest of the standardised errors of all points seldom exceeds, found by drawing
        the groups' contributions with random signs and sizes.
        """
        g = len(without)
        freedom = float(sizes.sum() ** 2 / (sizes**2).sum() - 1) if g else 0.0
        if g < 2 or freedom < 1e-9 or not np.isfinite(without).all():
            nan, why = np.full(len(x), np.nan), "no band: too few groups of rows"
            return cls(x, value, nan, nan, level, n, why, simultaneous)
        left = (without - without.mean(axis=0)) * np.sqrt((g - 1) / g)
        error = (left**2).sum(axis=0)
        error = np.sqrt(error + few * (error > 0))
        many = t_quantile(level, freedom)
        if simultaneous:
            many = max(many, sup_quantile(left, error, freedom, level=level))
        kind = "simultaneous" if simultaneous else "pointwise"
        how = f"delete-a-group jackknife, {kind}, t({freedom:.0f})"
        return cls(
            x, value, value - many * error, value + many * error, level, n, how, simultaneous
        )


def sup_quantile(left: np.ndarray, error: np.ndarray, freedom: float, *, level: float) -> float:
    """Standard errors ``error`` (m,) that the largest of m errors seldom exceeds.

    ``left`` (g, m) is what each group adds to the errors; their signs and sizes are drawn.
    """
    standard = left[:, error > 0] / error[error > 0]
    if not standard.size:
        return 0.0
    rng = np.random.default_rng(0)
    drawn = np.abs(rng.normal(size=(DRAWS, len(left))) @ standard).max(axis=1)
    return float(np.quantile(drawn / np.sqrt(rng.chisquare(freedom, DRAWS) / freedom), level))
