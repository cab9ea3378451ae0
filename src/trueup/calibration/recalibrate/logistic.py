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
    for _ in range(100):
        eta = features @ theta
        q = 1 / (1 + np.exp(-np.clip(eta, -700, 700)))
        gradient = features.T @ (w * (q - y))
        curvature = (features * (w * q * (1 - q))[:, None]).T @ features
        step, _, seen, _ = np.linalg.lstsq(curvature, -gradient, rcond=1e-14)
        rank, size, loss = max(rank, int(seen)), 1.0, _loss(eta, y, w)
        while _loss(features @ (theta + size * step), y, w) > loss + 1e-15 and size > 1e-6:
            size /= 2
        theta = theta + size * step
        if np.abs(size * step).max() < 1e-9 * (1 + np.abs(theta).max()):
            return theta, bool(np.abs(theta).max() < 1e3 and seen >= rank and loss > LEAST_LOSS)
    return theta, False


def _loss(eta: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    return float(w @ (np.logaddexp(0.0, eta) - y * eta))
