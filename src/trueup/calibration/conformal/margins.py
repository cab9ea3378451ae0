"""How far an interval reaches beyond its frame: the same for all, by group, by likelihood ratio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from trueup.calibration.conformal.frames import Frame, frame_of
from trueup.calibration.recalibrate.grouping import key_of
from trueup.core.expressions import Expr, Join, Lookup, Piecewise, Scaled, Total, operate
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form


EVERYTHING = 1e150
"""A margin that nothing escapes, where no weight of known rows is enough for a new one."""

MOST = 512
"""Steps that a margin by ratio keeps: coverage rises by (1 - level) / 512 at most."""


class AbstractMargin(ABC):
    """Margins below and above, in units of a frame."""

    @abstractmethod
    def of(self, x: Expr) -> tuple[Expr, Expr]:
        """A column below and one above; ``x`` is any expression of the rows."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, float]:
        """The few numbers worth showing."""


@dataclass(frozen=True)
class Same(AbstractMargin):
    """One margin ``low`` below and one ``high`` above for every row."""

    low: float
    high: float

    def of(self, x: Expr) -> tuple[Expr, Expr]:
        return Scaled(x[0], 0.0, self.low), Scaled(x[0], 0.0, self.high)

    @property
    def parameters(self) -> dict[str, float]:
        return {"margin": self.low} if self.low == self.high else vars(self).copy()


@dataclass(frozen=True, eq=False)
class ByGroup(AbstractMargin):
    """Margins (g + 1, 2) of the groups ``names`` of ``column``; the last row for all others."""

    column: str
    names: tuple[str, ...]
    values: np.ndarray

    def of(self, x: Expr) -> tuple[Expr, Expr]:
        found = Lookup(key_of(self.column), self.names, self.values)
        return found[0], found[1]

    @property
    def parameters(self) -> dict[str, float]:
        widest = self.values[:-1].max(axis=1)
        return {
            "groups": float(len(self.names)),
            "least margin": float(widest.min()),
            "largest margin": float(widest.max()),
        }


@dataclass(frozen=True, eq=False)
class Steps:
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
    def of(cls, scores: np.ndarray, weight: np.ndarray, *, level: float) -> Steps:
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
class ByRatio(AbstractMargin):
    """Margins by the likelihood ratio of a row, one column."""

    ratio: Expr
    low: Steps
    high: Steps

    def of(self, x: Expr) -> tuple[Expr, Expr]:
        high = Piecewise(self.ratio, self.high.edges, self.high.values[:, None])
        if self.low is self.high:
            return high, high
        return Piecewise(self.ratio, self.low.edges, self.low.values[:, None]), high

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
        low, high = self.margin.of(logs)
        ends = Join((
            operate("subtract", frame.low, operate("multiply", low, frame.down)),
            operate("add", frame.high, operate("multiply", high, frame.up)),
        ))  # fmt: skip
        middle = Scaled(Total(ends), 0.5)
        below = Total(Join((Scaled(ends[0], -1.0), Scaled(middle, -1.0))), greatest=True)
        return Join((Scaled(below, -1.0), Total(Join((ends[1], middle)), greatest=True)))

    def frame(self, x: Expr) -> Frame:
        """The frame over the columns ``x``."""
        return frame_of(self.score, self.takes, x, level=self.level)

    @property
    def parameters(self) -> dict[str, float]:
        return self.margin.parameters
