"""Newton's method for logistic regressions of a few coefficients."""

from __future__ import annotations

import numpy as np


LEAST_LOSS = 1e-9
"""A mean loss below this, in nats, is on its way to 0."""


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
    w = weight / weight.sum()
    theta, rank = np.zeros(features.shape[1]), 0
    loss, q = _loss(features @ theta, y, w)
    for _ in range(100):
        gradient = features.T @ (w * (q - y))
        curvature = (features * (w * q * (1 - q))[:, None]).T @ features
        step, _, seen, _ = np.linalg.lstsq(curvature, -gradient, rcond=1e-14)
        rank, size = max(rank, int(seen)), 1.0
        new, q = _loss(features @ (theta + step), y, w)
        while new > loss + 1e-15 and size > 1e-6:
            size /= 2
            new, q = _loss(features @ (theta + size * step), y, w)
        theta, loss = theta + size * step, new
        if np.abs(size * step).max() < 1e-9 * (1 + np.abs(theta).max()):
            return theta, bool(np.abs(theta).max() < 1e3 and seen >= rank and loss > LEAST_LOSS)
    return theta, False


def _loss(eta: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean loss and probabilities (n,) at log-odds ``eta`` (n,), with one exponential a row."""
    e = np.exp(-np.abs(eta))
    loss = w @ (np.maximum(eta, 0.0) + np.log1p(e) - y * eta)
    return float(loss), np.where(eta >= 0, 1.0, e) / (1.0 + e)
