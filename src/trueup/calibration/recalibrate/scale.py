"""One scale of all logits, of least loss by any row of ``LOSSES``."""

from __future__ import annotations

import numpy as np

from trueup.calibration.recalibrate.losses import Loss
from trueup.core.probabilities import log_softmax


def least_scale(loss: Loss, logs, truth, weight, *, tolerance: float, largest: float):
    """The scale of least mean loss in [1 / largest, largest], and whether it lies inside.

    Newton's steps inside a bracket that shrinks by the sign of the slope; where the loss is not
    convex, as the Brier score, this ends in a minimum that need not be the only one.
    """
    low, high, beta = 1.0 / largest, largest, 1.0
    for _ in range(200):
        slope, curvature = _bend(loss, beta, logs, truth, weight / weight.sum())
        # A slope of 0 without curvature is a loss that has saturated: its minimum lies further up.
        low, high = (beta, high) if slope < 0 or curvature <= 0 else (low, beta)
        step = beta - slope / curvature if curvature > 0 else np.inf
        new = step if low <= step <= high else np.sqrt(low * high)
        if abs(new / beta - 1.0) < tolerance:
            return new, bool(1.001 < new * largest and 1.001 * new < largest)
        beta = new
    return beta, False


def _bend(loss: Loss, beta: float, logs, truth, w) -> tuple[float, float]:
    """Slope and curvature of the mean loss in the scale."""
    q = np.exp(log_softmax(beta * logs))
    found = loss.curvature(q)
    bend = (found.own * logs**2).sum(axis=1)
    for sign, u in found.ranks:
        bend += sign * (u * logs).sum(axis=1) ** 2
    return float(w @ (loss.slope(q, truth) * logs).sum(axis=1)), float(w @ bend)
