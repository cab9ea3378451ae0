"""Newton's method for logistic regressions of a few coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


LEAST_LOSS = 1e-9
"""A mean loss below this, in nats, is on its way to 0."""

FEW = 10_000
"""Rows from which the search starts: a Newton step over all rows then falls near the minimum."""

BLOCK = 2**13
"""Rows that stay in the processor's cache while a step reads them."""


@dataclass(frozen=True, eq=False)
class Ridge:
    """``cost`` times the squared distance of the coefficients from ``centre`` (d,)."""

    cost: float
    centre: np.ndarray


def newton(
    features: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    *,
    ridge: Ridge | None = None,
    tolerance: float = 1e-9,
    steps: int = 100,
) -> tuple[np.ndarray, bool]:
    """Coefficients (d,) that minimise the log loss, and whether a minimum was reached.

    Outcomes that the features separate have none: the loss falls to 0, or the curvature loses a
    direction that it had at the start.

    Parameters
    ----------
    features
        (n, d) with few columns.
    y
        (n,) outcomes or soft targets in [0, 1].
    weight
        (n,) weights >= 0.
    ridge
        What is added to the mean loss; None adds nothing. With it there always is a minimum.
    tolerance
        Stop when no component of a step exceeds this, in shares of the largest coefficient.
    steps
        At most this many.
    """
    columns = np.ascontiguousarray(features.T)  # a block of a column lies in one piece
    some = slice(None, None, max(len(y) // FEW, 1))
    held = ridge or Ridge(0.0, np.zeros(len(columns)))
    limits, start, found = (tolerance, steps), held.centre, False
    if len(y) >= 4 * FEW and weight[some].sum() > 0:
        start, found = _search(start, columns[:, some], y[some], weight[some], held, limits)
    return _search(start if found else held.centre, columns, y, weight, held, limits)


def _search(theta, columns, y, weight, held: Ridge, limits) -> tuple[np.ndarray, bool]:
    w, rank, (tolerance, steps) = weight / weight.sum(), 0, limits
    loss, gradient, curvature = _sums(theta, columns, y, w, held)
    for _ in range(steps):
        step, _, seen, _ = np.linalg.lstsq(curvature, -gradient, rcond=1e-14)
        rank, size = max(rank, int(seen)), 1.0
        # A whole Newton step leaves an error of the order of its square.
        last = np.abs(step).max() < 1e3 * tolerance * (1 + np.abs(theta).max())
        if not last:
            new, gradient, curvature = _sums(theta + step, columns, y, w, held)
            while new > loss + 1e-15 and size > 1e-6:
                size /= 2
                new, gradient, curvature = _sums(theta + size * step, columns, y, w, held)
            loss = new
        theta = theta + size * step
        if last or np.abs(size * step).max() < tolerance * (1 + np.abs(theta).max()):
            least = np.abs(theta).max() < 1e3 and seen >= rank and loss > LEAST_LOSS
            return theta, bool(held.cost > 0 or least)
    return theta, False


def _sums(theta, columns, y, w, held: Ridge) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean loss and ridge at ``theta`` (d,), their gradient (d,) and their curvature (d, d)."""
    away = theta - held.centre
    loss, gradient = held.cost * (away @ away), 2.0 * held.cost * away
    curvature = 2.0 * held.cost * np.eye(len(theta))
    for start in range(0, len(y), BLOCK):
        rows = slice(start, start + BLOCK)
        x, weight = columns[:, rows], w[rows]
        eta = theta @ x
        e = np.exp(-np.abs(eta))
        more = 1.0 / (1.0 + e)  # the greater of q and 1 - q
        q = np.where(eta >= 0, more, e * more)
        loss += weight @ (np.maximum(eta, 0.0) + np.log1p(e) - y[rows] * eta)
        gradient += x @ (weight * (q - y[rows]))
        curvature += (x * (weight * e * more * more)) @ x.T
    return float(loss), gradient, curvature
