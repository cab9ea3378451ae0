"""A damped Newton search for smooth functions of a few numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


Derivatives = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]


def least(function: Derivatives, start: np.ndarray, *, tolerance: float, steps: int = 100):
    """Where ``function`` is least near ``start``, and whether the search arrived.

    Parameters
    ----------
    function
        Value, gradient (p,) and curvature (p, p) at a point (p,).
    tolerance
        Stop when a full step promises to lower the value by less than this.
    """
    x, damping = np.array(start, dtype=np.float64), 0.0
    value, slope, bend = function(x)
    for _ in range(steps):
        step, damping = _step(slope, bend, damping)
        promised = -slope @ step / 2
        if promised < tolerance:
            return x, True
        new_value, new_slope, new_bend = function(x + step)
        if new_value < value:
            x, value, slope, bend = x + step, new_value, new_slope, new_bend
            damping = damping / 10 if damping > 1e-8 else 0.0
        elif promised < 1e3 * np.finfo(float).eps * abs(value):
            return x, True  # rounding decides: nothing lower can be told apart
        else:
            damping = max(10 * damping, 1e-3)
    return x, False


def _step(slope: np.ndarray, bend: np.ndarray, damping: float) -> tuple[np.ndarray, float]:
    """A step downhill, and the damping that it took: more where the function bends down."""
    size = np.maximum(np.abs(np.diag(bend)), max(1e-12 * np.abs(bend).max(), 1e-100))
    while True:
        found, turned = np.linalg.eigh(bend / np.sqrt(np.outer(size, size)))
        found = found + damping
        if found.min() > 1e-10:
            scaled = turned @ ((turned.T @ (slope / np.sqrt(size))) / found)
            return -scaled / np.sqrt(size), damping
        damping = max(10 * damping, 1e-3, -found.min())
