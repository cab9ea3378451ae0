"""Fits by the pinball loss: a shift and a factor for columns that stand for levels."""

from __future__ import annotations

import numpy as np

from trueup.calibration.distributions.newton import least


STAGES = (0.3, 0.1, 0.03, 0.01)
"""Widths of smoothing, in mean absolute residuals; each stage starts where the last one ended."""
CORNERS, LEAST, TERMS = 40, 4, 20_000_000
"""At most so many searches from corner to corner, at least so many, and about so many terms."""
FEW = 5_000
"""Rows from which the search starts: with more, one Newton search over all of them is enough."""


def best_factor(residual, apart, levels, weight) -> float:
    """The f that makes ``sum_j pinball_j(residual - f apart_j)`` least.

    A convex function of one number with corners at residual / apart: its slope rises at each by
    weight |apart|, so that f is a weighted quantile. Where many f are least it is their middle.

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
    corner, rise, start, _ = _corners(residual[:, None], apart, levels, weight)
    if not len(corner):
        return np.nan
    place, flat, order = _crossing(corner, rise, start)
    here = corner[order[place]]
    return float((here + corner[order[place + 1]]) / 2) if flat else float(here)


def _corners(residual, turn, levels, weight):
    """Corners of ``sum pinball(residual - t turn)`` in t, rises of its slope there, its slope far
    to the left, and which terms they are of."""
    turn = np.broadcast_to(turn, np.broadcast_shapes(residual.shape, turn.shape))
    known = np.flatnonzero(np.abs(turn) > 1e-12 * np.abs(turn).max(initial=0.0))
    move = turn.ravel()[known]
    mass = np.broadcast_to(weight[:, None], turn.shape).ravel()[known] * move
    level = np.broadcast_to(levels, turn.shape).ravel()[known]
    # Far to the left every residual - t turn has the sign of turn: the slope is known there.
    start = -(mass * np.where(mass > 0, level, level - 1)).sum()
    gap = np.broadcast_to(residual, turn.shape).ravel()[known]
    return gap / move, np.abs(mass), start, known


def _crossing(corner: np.ndarray, rise: np.ndarray, start: float):
    """Place of the corner where the slope comes to 0, whether it then is 0, and the order."""
    order = np.argsort(corner)
    slope = start + np.cumsum(rise[order])
    near, last = 1e-12 * rise.sum(), len(order) - 1
    place = min(int(np.searchsorted(slope, -near)), last)
    return place, bool(place < last and abs(slope[place]) <= near), order


def best_pair(residual, apart, levels, weight, unit) -> tuple[float, float]:
    """Shift a and factor f that make ``sum_j pinball_j(residual - a unit - f apart_j)`` least.

    Newton on the loss smoothed by a logistic law comes near; exact searches along the lines on
    which one term is 0 then lead from corner to corner, until neither of the two lines through a
    corner leads lower. Between these lines the loss is linear, so that the corner is its least
    place. Of millions of terms the searches end before, where a corner more changes nothing.
    """
    scale = float(weight @ np.abs(residual)) / weight.sum()
    scale = scale or float(np.abs(apart).mean()) or 1.0
    x, parts = np.array([0.0, 1.0]), (residual, apart, weight / weight.sum(), unit)
    some = [part[:: max(len(residual) // FEW, 1)] for part in parts]
    for width in STAGES[:-1] if some[2].sum() > 0 else ():
        x, _ = least(_smoothed(*some, levels, width * scale), x, tolerance=1e-12 * scale)
    x, _ = least(_smoothed(*parts, levels, STAGES[-1] * scale), x, tolerance=1e-12 * scale)
    return _cornered(x, residual, apart, levels, weight, unit)


def _cornered(x, residual, apart, levels, weight, unit) -> tuple[float, float]:
    """The corner of least loss near ``x``; of many terms a corner close to it."""
    turns = np.stack([np.broadcast_to(unit[:, None], apart.shape), apart])
    way, still = np.array([0.0, 1.0]), 0
    for _ in range(int(np.clip(TERMS // max(apart.size, 1), LEAST, CORNERS))):
        off = residual[:, None] - np.tensordot(x, turns, 1)
        corner, rise, start, known = _corners(off, np.tensordot(way, turns, 1), levels, weight)
        if not len(corner):
            break
        place, _, order = _crossing(corner, rise, start)
        step = corner[order[place]]
        still = still + 1 if abs(step) <= 1e-12 * max(np.abs(x).max(), 1.0) else 0
        if still == 2:
            break
        x = x + step * way
        line = turns.reshape(2, -1)[:, known[order[place]]]
        way = np.array([line[1], -line[0]]) / np.abs(line).max()
    return float(x[0]), float(x[1])


def _smoothed(residual, apart, weight, unit, levels, width: float):
    """The loss, smoothed: ``width softplus(r / width) - (1 - level) r``, and its derivatives."""

    def function(x: np.ndarray):
        r = residual[:, None] - x[0] * unit[:, None] - x[1] * apart
        e = np.exp(-np.abs(r) / width)
        value = (np.maximum(r, 0.0) + width * np.log1p(e) - (1 - levels) * r).sum(axis=1)
        share = np.where(r > 0, 1.0, e) / (1.0 + e)
        pull = weight[:, None] * (share - 1 + levels)
        bend = weight[:, None] * share * (1 - share) / width
        slope = -np.array([unit @ pull.sum(axis=1), (pull * apart).sum()])
        cross = unit @ (bend * apart).sum(axis=1)
        curvature = np.array([[unit**2 @ bend.sum(axis=1), cross],
                              [cross, (bend * apart**2).sum()]])  # fmt: skip
        return float(weight @ value), slope, curvature

    return function
