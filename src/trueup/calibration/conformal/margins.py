"""How far an interval reaches beyond its frame: the same for all, by group, by likelihood ratio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trueup.calibration.conformal.frames import Frame, frame_of
from trueup.calibration.recalibrate.grouping import key_of
from trueup.core.expressions import Expr, Join, Lookup, Piecewise, Scaled, Total, operate
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form
from trueup.core.saved import Saved


EVERYTHING = 1e150
"""A margin that nothing escapes, where no weight of known rows is enough for a new one."""

MOST = 512
"""Steps that a margin by ratio keeps: coverage rises by (1 - level) / 512 at most."""


class AbstractMargin(Saved, ABC):
    """Margins below and above, in units of a frame."""

    @abstractmethod
    def added(self, end: Expr, unit: Expr | None, *, sign: int) -> Expr:
        """``end`` moved by the margin above (``sign`` 1) or below (-1) times ``unit``."""

    @property
    @abstractmethod
    def outward(self) -> bool:
        """Whether no sum of a margin below and the one above is negative."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, float]:
        """The few numbers worth showing."""


@dataclass(frozen=True)
class Same(AbstractMargin):
    """One margin ``low`` below and one ``high`` above for every row."""

    low: float
    high: float

    def added(self, end: Expr, unit: Expr | None, *, sign: int) -> Expr:
        margin = self.high if sign > 0 else -self.low
        if unit is None:
            return Scaled(end, 1.0, margin)
        return operate("add", end, Scaled(unit, margin))

    @property
    def outward(self) -> bool:
        return self.low + self.high >= 0

    @property
    def parameters(self) -> dict[str, float]:
        return {"margin": self.low} if self.low == self.high else vars(self).copy()


@dataclass(frozen=True, eq=False)
class MarginByGroup(AbstractMargin):
    """Margins (g + 1, 2) of the groups ``names`` of ``column``; the last row for all others."""

    column: str
    names: tuple[str, ...]
    values: np.ndarray

    def added(self, end: Expr, unit: Expr | None, *, sign: int) -> Expr:
        return _moved(end, self._own[1 if sign > 0 else 0], unit)

    @cached_property
    def _own(self) -> Lookup:
        """What is added below and above: one look-up for both."""
        return Lookup(key_of(self.column), self.names, self.values * [-1.0, 1.0])

    @property
    def outward(self) -> bool:
        return bool((self.values.sum(axis=1) >= 0).all())

    @property
    def parameters(self) -> dict[str, float]:
        widest = self.values[:-1].max(axis=1)
        return {
            "groups": float(len(self.names)),
            "least margin": float(widest.min()),
            "largest margin": float(widest.max()),
        }


def _moved(end: Expr, margin: Expr, unit: Expr | None) -> Expr:
    return operate("add", end, margin if unit is None else operate("multiply", margin, unit))


@dataclass(frozen=True, eq=False)
class MarginSteps(Saved):
    """A margin that steps up with a row's own likelihood ratio.

    Parameters
    ----------
    edges
        (m,) rising ratios from which the next value holds.
    values
        (m + 1,) rising margins, the last of them ``EVERYTHING``.
    """

    edges: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, weight: np.ndarray, *, level: float) -> MarginSteps:
        r"""The least score q with :math:`\sum_{s_i \le q} w_i \ge \mathrm{level}\,(W + w)`.

        As the ratio w of the new row rises past :math:`C_j / \mathrm{level} - W`, with :math:`C_j`
        the sum up to the j-th score, the next score takes over. Of many steps ``MOST`` are kept,
        each at the margin of the next one kept: never too narrow.
        """
        values, place = np.unique(scores, return_inverse=True)
        largest = np.cumsum(np.bincount(place, weight)) / level * (1 + 1e-12) - weight.sum()
        used = np.flatnonzero(largest >= 0)
        if len(used) > MOST:
            used = used[np.linspace(0, len(used) - 1, MOST).astype(int)]
        # A row of exactly this ratio still has the score; an edge belongs to what follows it.
        edges = np.nextafter(largest[used], np.inf)
        return cls(edges, np.append(values[used], EVERYTHING))


@dataclass(frozen=True, eq=False)
class MarginByRatio(AbstractMargin):
    """Margins by the likelihood ratio of a row, one column."""

    ratio: Expr
    low: MarginSteps
    high: MarginSteps

    def added(self, end: Expr, unit: Expr | None, *, sign: int) -> Expr:
        steps = self.high if sign > 0 else self.low
        margin = Piecewise(self.ratio, steps.edges, sign * steps.values[:, None])
        return _moved(end, margin, unit)

    @property
    def outward(self) -> bool:
        return bool(self.low.values[0] + self.high.values[0] >= 0)

    @property
    def parameters(self) -> dict[str, float]:
        last = min(self.low.edges[-1], self.high.edges[-1])
        return {"least margin": float(self.high.values[0]), "everything from ratio": float(last)}


@dataclass(frozen=True, eq=False)
class Widened(AbstractMap):
    """The frame of a prediction, widened by margins.

    An interval that margins below 0 turn inside out holds nothing; it becomes the point in its
    middle, which can only add to the coverage.
    """

    score: str
    takes: Form
    level: float
    margin: AbstractMargin

    def expression(self, logs: Expr) -> Expr:
        frame = self.frame(logs)
        low = self.margin.added(frame.low, frame.down, sign=-1)
        high = self.margin.added(frame.high, frame.up, sign=1)
        if frame.flat and self.margin.outward:
            return Join((low, high))
        middle = Scaled(operate("add", low, high), 0.5)
        below = Total(Join((Scaled(low, -1.0), Scaled(middle, -1.0))), greatest=True)
        return Join((Scaled(below, -1.0), Total(Join((high, middle)), greatest=True)))

    def frame(self, x: Expr) -> Frame:
        """The frame over the columns ``x``."""
        return frame_of(self.score, self.takes, x, level=self.level)

    @property
    def parameters(self) -> dict[str, float]:
        return self.margin.parameters
