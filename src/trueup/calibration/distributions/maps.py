"""Maps of forecasts of numbers: affine in their columns, so that every engine computes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.expressions import Expr, Linear, Scaled, Total, mean_over, operate
from trueup.core.fitted import AbstractMap


@dataclass(frozen=True)
class Affine(AbstractMap):
    """``weight @ x + shift`` of the columns x.

    Parameters
    ----------
    weight
        (m, w) what each column that comes out takes of every one that goes in.
    shift
        (m,) in the unit of the truth.
    words, numbers
        The numbers worth showing, and their names.
    """

    weight: np.ndarray
    shift: np.ndarray
    words: tuple[str, ...]
    numbers: tuple[float, ...]

    def expression(self, logs: Expr) -> Expr:
        return Linear(logs, self.weight, self.shift)

    @property
    def parameters(self) -> dict[str, float]:
        return dict(zip(self.words, self.numbers, strict=True))


@dataclass(frozen=True)
class Stretched(AbstractMap):
    """Every column x_j becomes ``factor x_j + common . x + shift + lean sd(x)``.

    Parameters
    ----------
    factor
        What the differences between columns are multiplied by, > 0.
    common
        (w,) what all columns take of the given ones.
    shift
        In the unit of the truth.
    lean
        Shift in standard deviations of the columns, which are members of an ensemble.
    words, numbers
        The numbers worth showing, and their names.
    """

    factor: float
    common: np.ndarray
    shift: float
    lean: float
    words: tuple[str, ...]
    numbers: tuple[float, ...]

    def expression(self, logs: Expr) -> Expr:
        moved = Linear(logs, self.common[None, :], np.array([self.shift]))
        if self.lean:
            moved = operate("add", moved, Scaled(sd_over(logs), self.lean))
        return operate("add", Scaled(logs, self.factor), moved)

    @property
    def parameters(self) -> dict[str, float]:
        return dict(zip(self.words, self.numbers, strict=True))


def variance_over(x: Expr) -> Expr:
    """The unbiased variance over the columns of ``x``; 0 of one column."""
    off = operate("subtract", x, mean_over(x))
    return Scaled(Total(operate("multiply", off, off)), 1.0 / max(x.width - 1, 1))


def sd_over(x: Expr) -> Expr:
    """The standard deviation over the columns of ``x``."""
    return operate("sqrt", variance_over(x))
