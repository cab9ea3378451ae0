"""How far an interval reaches beyond its frame: the same for all, by group, by likelihood ratio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from trueup.calibration.conformal.frames import Frame, frame_of
from trueup.calibration.recalibrate.grouping import key_of
from trueup.core.expressions import Expr, Input, Join, Lookup, Piecewise, Scaled, Total, operate
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form


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
class ByRatio(AbstractMargin):
    """A margin that steps up with a row's own likelihood ratio.

    Parameters
    ----------
    column
        The column of ratios.
    edges
        (m,) rising ratios from which the next value holds.
    values
        (m + 1,) margins.
    """

    column: str
    edges: np.ndarray
    values: np.ndarray

    def of(self, x: Expr) -> tuple[Expr, Expr]:
        ratio = Input(self.column, 1, (self.column,))
        found = Piecewise(ratio, self.edges, self.values[:, None])
        return found, found

    @property
    def parameters(self) -> dict[str, float]:
        return {"least margin": float(self.values[0]), "steps": float(len(self.edges))}


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
