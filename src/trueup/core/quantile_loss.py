"""Pinball losses of quantiles: what scores of quantiles and of laws given by them are made of."""

from __future__ import annotations

import numpy as np

from trueup.core.predictions import Quantiles


def mean_pinball(prediction: Quantiles, truth: np.ndarray) -> np.ndarray:
    """Mean (n,) over the levels t of ``max(t d, (t - 1) d)``, d the truth minus the quantile.

    Examples
    --------
    >>> mean_pinball(Quantiles([0.25, 0.75], [[0.0, 1.0]]), np.array([2.0]))
    array([0.625])
    """
    # (t - 1/2) d + |d| / 2 is the same, and needs two products of a matrix and a vector.
    d = truth[:, None] - prediction.values
    tilted = d @ (prediction.levels - 0.5)
    np.abs(d, out=d)
    q = len(prediction.levels)
    return (tilted + d @ np.full(q, 0.5)) / q


def pinball_of(truth: np.ndarray, value: np.ndarray, level: float) -> np.ndarray:
    """Pinball loss (n,) of the quantiles ``value`` (n,) at one level."""
    d = truth - value
    return np.maximum(level * d, (level - 1) * d)


def interval_loss(low, high, truth: np.ndarray, level: float) -> np.ndarray:
    """Interval score (n,): width plus ``2 / (1 - level)`` times how far the truth lies outside."""
    outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return high - low + 2 / (1 - level) * outside
