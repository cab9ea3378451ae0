"""Newton's method for logistic regressions of a few coefficients."""

from __future__ import annotations

import numpy as np


LEAST_LOSS = 1e-9
"""A mean loss below this, in nats, is on its way to 0."""

FEW = 10_000
"""Rows from which the search starts: a Newton step over all rows then falls near the minimum."""

BLOCK = 2**13
"""Rows that stay in the processor's cache while a step reads them."""


def newton(features: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, bool]:
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
    """
    columns = np.ascontiguousarray(features.T)  # a block of a column lies in one piece
    some = slice(None, None, max(len(y) // FEW, 1))
    start, found = np.zeros(len(columns)), False
    if len(y) >= 4 * FEW and weight[some].sum() > 0:
        start, found = _search(start, columns[:, some], y[some], weight[some])
    return _search(start if found else np.zeros_like(start), columns, y, weight)


def _search(theta, columns, y, weight) -> tuple[np.ndarray, bool]:
    w, rank = weight / weight.sum(), 0
    loss, gradient, curvature = _sums(theta, columns, y, w)
    for _ in range(100):
        step, _, seen, _ = np.linalg.lstsq(curvature, -gradient, rcond=1e-14)
        rank, size = max(rank, int(seen)), 1.0
        # A whole Newton step leaves an error of the order of its square.
        last = np.abs(step).max() < 1e-6 * (1 + np.abs(theta).max())
        if not last:
            new, gradient, curvature = _sums(theta + step, columns, y, w)
            while new > loss + 1e-15 and size > 1e-6:
                size /= 2
                new, gradient, curvature = _sums(theta + size * step, columns, y, w)
            loss = new
        theta = theta + size * step
        if last or np.abs(size * step).max() < 1e-9 * (1 + np.abs(theta).max()):
            return theta, bool(np.abs(theta).max() < 1e3 and seen >= rank and loss > LEAST_LOSS)
    return theta, False


def _sums(theta, columns, y, w) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean loss at ``theta`` (d,), its gradient (d,) and its curvature (d, d)."""
    loss, gradient, curvature = 0.0, np.zeros(len(theta)), np.zeros((len(theta),) * 2)
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
