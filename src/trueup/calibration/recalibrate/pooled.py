"""Scores pooled before an isotonic regression, so that few rows need to be sorted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import isotonic_regression

from trueup.calibration.recalibrate.steps import distinct


ROWS = 16
"""Rows of a cell, on average."""

FEW = 4_096
"""Up to so many rows, sorting takes no longer."""

SLACK = 1e-9
"""How far above the curve, in shares of all weight, sums must lie to be above it in spite of
rounding."""


def pooled(x: np.ndarray, y: np.ndarray, weight: np.ndarray):
    """Distinct scores in rising order, pooled where the best non-decreasing curve has no step.

    The isotonic fit is the slope of the greatest convex function below the path of summed outcomes
    over summed weights. A cell of scores whose path stays above that function even in its worst
    order, all that did not happen first, holds no corner of it, so its own order does not matter.
    Only rows of the other cells, and of cells next to a step, are sorted: about one in ten. Exact.

    Returns
    -------
    tuple
        Scores (b,), NaN inside a block where nothing depends on them, with their weight (b,) and
        their weighted outcomes (b,).
    """
    if len(x) <= FEW:
        return distinct(x, y, weight)
    cell_of, cells = _cells(x), len(x) // ROWS
    cell = cell_of(x)
    mass, events = (np.bincount(cell, column, cells) for column in (weight, weight * y))
    apart = _has_corner(mass, events)
    while True:
        made = _merged(apart, cell, cell_of, (x, y, weight), (mass, events))
        place, scores, total, came = made
        blocks = isotonic_regression(came / total, weights=total).blocks
        beside = np.concatenate([blocks[:-1], blocks[1:] - 1])
        unknown = place[beside[np.isnan(scores[beside])]]
        if not len(unknown):
            return scores, total, came
        apart[unknown] = True


def _cells(x: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function that numbers cells of equal width; it never falls, and the ends are wide."""
    cells = len(x) // ROWS
    low, high = np.quantile(x[:: max(len(x) // 10_000, 1)], [0.001, 0.999])
    scale = (cells - 2) / (high - low) if high > low else 0.0

    def cell_of(scores: np.ndarray) -> np.ndarray:
        place = np.floor((scores - low) * scale)
        return (np.clip(place, -1, cells - 2, out=place) + 1).astype(np.int64)

    return cell_of


def _has_corner(mass: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Whether the path may touch the curve inside each cell, whatever the order of its rows."""
    seen = mass > 0
    n, came = mass[seen], events[seen]
    slope = isotonic_regression(came / n, weights=n).x
    above = (np.cumsum(came) - came) - (np.cumsum(slope * n) - slope * n)
    apart = np.zeros(len(mass), dtype=bool)
    apart[seen] = above - slope * (n - came) < SLACK * n.sum()
    return apart


def _merged(apart, cell, cell_of, rows, sums) -> tuple[np.ndarray, ...]:
    """Cell, score, weight and outcomes of the scores of cells ``apart`` and of the other cells."""
    some = np.flatnonzero(apart[cell])
    scores, mass, events = distinct(*(column[some] for column in rows))
    whole = np.flatnonzero(~apart & (sums[0] > 0))
    place = np.concatenate([cell_of(scores), whole])
    order = np.argsort(place, kind="stable")
    unknown = np.full(len(whole), np.nan)
    parts = ((scores, unknown), (mass, sums[0][whole]), (events, sums[1][whole]))
    return place[order], *(np.concatenate(pair)[order] for pair in parts)
