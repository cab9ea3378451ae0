"""What an interval grows from: its inner ends and the unit of its margin, by score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from trueup.core.errors import FitError, UsageError
from trueup.core.expressions import Expr, Join, Linear, Scaled, Total, operate
from trueup.core.forms import Form


FLOOR = 1e-12
"""Least unit of a margin. A constant, since one that the rows set would spoil the guarantee."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The interval ``[low - a * down, high + b * up]`` of margins a and b that are yet unknown.

    Attributes
    ----------
    low, high
        Inner ends, a column each.
    down, up
        Units > 0 of the margins, a column each; None for 1.
    """

    low: Expr
    high: Expr
    down: Expr | None = None
    up: Expr | None = None

    @property
    def flat(self) -> bool:
        """Whether both ends and both units are the same: margins alone turn it inside out."""
        return self.low is self.high and self.down is self.up


def frame_of(score: str, takes: Form, x: Expr, *, level: float) -> Frame:
    """The frame of ``score`` for columns ``x`` of a prediction of the form ``takes``."""
    return SCORES[score](takes, x, level)


def usual_score(takes: Form) -> str:
    """The score that uses all that a kind of prediction says."""
    scaled, ends = ("normal", "ensemble"), ("quantiles", "intervals")
    return "scaled" if takes.kind in scaled else "cqr" if takes.kind in ends else "residual"


def check_score(who: str, score: str) -> None:
    """Refuse a score that is not one of ``SCORES``."""
    if score != "usual" and score not in SCORES:
        raise UsageError(who, f"score is {score!r}", do=f"Use one of usual, {', '.join(SCORES)}")


def _residual(takes: Form, x: Expr, level: float) -> Frame:
    middle = _middle(takes, x)
    return Frame(middle, middle)


def _scaled(takes: Form, x: Expr, level: float) -> Frame:
    middle, sd = _middle(takes, x), _floored(_sd(takes, x))
    return Frame(middle, middle, sd, sd)


def _cqr(takes: Form, x: Expr, level: float) -> Frame:
    return Frame(*_ends(takes, x, level))


def _cqr_r(takes: Form, x: Expr, level: float) -> Frame:
    low, high = _ends(takes, x, level)
    width = _floored(operate("subtract", high, low))
    return Frame(low, high, width, width)


def _cqr_m(takes: Form, x: Expr, level: float) -> Frame:
    low, high = _ends(takes, x, level)
    middle = _middle(takes, x)
    down, up = operate("subtract", middle, low), operate("subtract", high, middle)
    return Frame(low, high, _floored(down), _floored(up))


SCORES: dict[str, Callable[[Form, Expr, float], Frame]] = {
    "residual": _residual,
    "scaled": _scaled,
    "cqr": _cqr,
    "cqr_r": _cqr_r,
    "cqr_m": _cqr_m,
}


def _middle(takes: Form, x: Expr) -> Expr:
    """The median that a prediction states, of an ensemble its mean."""
    if takes.kind in ("points", "normal"):
        return x[0] if takes.width > 1 else x
    if takes.kind == "quantiles":
        return _row(x, _at(takes.levels, 0.5))
    return _row(x, np.full(takes.width, 1 / takes.width))


def _sd(takes: Form, x: Expr) -> Expr:
    """The standard deviation that a prediction states, as ``core.laws.sd_of`` reads it."""
    if takes.kind == "ensemble" and takes.width > 1:
        apart = operate("subtract", x, _middle(takes, x))
        square = Total(operate("multiply", apart, apart))
        return operate("exp", Scaled(operate("log", Scaled(square, 1 / (takes.width - 1))), 0.5))
    weights = _sd_weights(takes)
    if weights is None:
        _cannot("scaled", takes, "a spread")
    return _row(x, weights)


def _sd_weights(takes: Form) -> np.ndarray | None:
    if takes.kind == "normal":
        return np.array([0.0, 1.0])
    if takes.kind == "intervals":
        return np.array([-1.0, 1.0]) / (2 * ndtri((1 + takes.levels[0]) / 2))
    if takes.kind == "quantiles" and takes.width > 1:
        weights = np.zeros(takes.width)
        weights[[0, -1]] = -1.0, 1.0
        return weights / (ndtri(takes.levels[-1]) - ndtri(takes.levels[0]))
    return None


def _ends(takes: Form, x: Expr, level: float) -> tuple[Expr, Expr]:
    """Ends of the central interval at ``level``; the outermost where none is stated so far out."""
    half = (1 - level) / 2
    if takes.kind == "intervals":
        return x[0], x[1]
    if takes.kind == "normal":
        z = float(ndtri(1 - half))
        return _row(x, (1.0, -z)), _row(x, (1.0, z))
    if takes.kind != "quantiles" or takes.width < 2:
        _cannot("cqr", takes, "a lower and an upper quantile")
    return _row(x, _at(takes.levels, half)), _row(x, _at(takes.levels, 1 - half))


def _at(levels: tuple[float, ...], level: float) -> np.ndarray:
    """Weights (q,) of the quantiles that give the one at ``level``, between the outermost."""
    weights = [np.interp(level, levels, unit) for unit in np.eye(len(levels))]
    return np.array(weights)


def _row(x: Expr, weights) -> Expr:
    """The sum of the columns times ``weights``."""
    return Linear(x, np.asarray(weights, dtype=np.float64)[None, :], np.zeros(1))


def _floored(x: Expr) -> Expr:
    return Total(Join((x, Scaled(x, 0.0, FLOOR))), greatest=True)


def _cannot(score: str, takes: Form, what: str) -> None:
    raise FitError(
        "ConformalIntervals.fit",
        f"score '{score}' needs {what}; the prediction is {takes}",
        do="Use score='usual', or predict more of the law",
    )
