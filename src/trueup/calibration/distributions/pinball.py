"""Fits by the pinball loss: a shift and a factor for columns that stand for levels."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from trueup.calibration.distributions.newton import least


STAGES = (0.3, 0.1, 0.03, 0.01)
"""Widths of smoothing, in mean absolute residuals; each stage starts where the last one ended."""


def best_factor(residual, apart, levels, weight) -> float:
    """The f that makes ``sum_j pinball_j(residual - f apart_j)`` least.

    A convex function of one number with corners at residual / apart: its slope rises at each by
    weight |apart|, so that f is a weighted quantile.

    Parameters
    ----------
    residual
        (n,) truth minus the middle.
    apart
        (n, q) column minus the middle.
    levels
        (q,) level of each column.
    weight
        (n,) weights.
    """
    known = apart != 0
    spread = np.broadcast_to(levels, apart.shape)[known]
    gap = np.broadcast_to(residual[:, None], apart.shape)[known]
    mass = np.broadcast_to(weight[:, None], apart.shape)[known] * apart[known]
    # Far to the left every residual - f apart has the sign of apart: the slope is known there.
    start = -(mass * np.where(mass > 0, spread, spread - 1)).sum()
    return _crossing(gap / apart[known], np.abs(mass), start)


def best_shift(residual, levels, weight, unit) -> float:
    """The a that makes ``sum_j pinball_j(residual_j - a unit)`` least; ``residual`` is (n, q)."""
    mass = np.broadcast_to((weight * unit)[:, None], residual.shape).ravel()
    start = -(mass * np.broadcast_to(levels, residual.shape).ravel()).sum()
    known = mass > 0
    corner = (residual / np.where(unit > 0, unit, 1.0)[:, None]).ravel()
    return _crossing(corner[known], mass[known], start)


def _crossing(corner: np.ndarray, rise: np.ndarray, start: float) -> float:
    """Where a slope that begins at ``start`` and rises by ``rise`` at every corner crosses 0."""
    if not len(corner):
        return np.nan
    order = np.argsort(corner)
    slope = start + np.cumsum(rise[order])
    near = 1e-12 * rise.sum()
    place = int(np.searchsorted(slope, -near))
    last = len(order) - 1
    here = corner[order[min(place, last)]]
    if place < last and abs(slope[place]) <= near:  # flat: the middle of the least values
        return float((here + corner[order[place + 1]]) / 2)
    return float(here)


def best_pair(residual, apart, levels, weight, unit) -> tuple[float, float]:
    """Shift a and factor f that make ``sum_j pinball_j(residual - a unit - f apart_j)`` least.

    Newton on the loss smoothed by a logistic law, then exact steps in a and in f, each of which
    lowers the loss itself.
    """
    scale = float(weight @ np.abs(residual)) / weight.sum()
    scale = scale or float(np.abs(apart).mean()) or 1.0
    x = np.array([0.0, 1.0])
    for width in STAGES:
        smooth = _smoothed(residual, apart, levels, weight / weight.sum(), unit, width * scale)
        x, _ = least(smooth, x, tolerance=1e-12 * scale)
    a, f = x
    for _ in range(2):
        a = _kept(best_shift(residual[:, None] - f * apart, levels, weight, unit), a)
        f = _kept(best_factor(residual - a * unit, apart, levels, weight), f)
    return a, f


def _kept(new: float, old: float) -> float:
    return new if np.isfinite(new) else old


def _smoothed(residual, apart, levels, weight, unit, width: float):
    """The loss, smoothed: ``width softplus(r / width) - (1 - level) r``, and its derivatives."""

    def function(x: np.ndarray):
        r = residual[:, None] - x[0] * unit[:, None] - x[1] * apart
        share = expit(r / width)
        value = (width * np.logaddexp(0.0, r / width) - (1 - levels) * r).sum(axis=1)
        pull = weight[:, None] * (share - 1 + levels)
        bend = weight[:, None] * share * (1 - share) / width
        slope = -np.array([unit @ pull.sum(axis=1), (pull * apart).sum()])
        cross = unit @ (bend * apart).sum(axis=1)
        curvature = np.array([[unit**2 @ bend.sum(axis=1), cross],
                              [cross, (bend * apart**2).sum()]])  # fmt: skip
        return float(weight @ value), slope, curvature

    return function
