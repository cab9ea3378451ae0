"""Lines of many groups from one normal law, learned by expectation and maximisation."""

from __future__ import annotations

import numpy as np

from trueup.calibration.recalibrate.platt import Line, PlattScaling


IDENTITY, PRIOR = np.array([0.0, 1.0]), np.eye(2) / 4.0
"""Where the centre of the law is drawn to, and how strongly: precision 1/4 is a sd of 2."""
STRIDE = 2.0
"""Longest Newton step of a line: far from the mode the curvature may vanish."""


def learn_lines(x, y, weight, group, count: int, tolerance: float, steps: int):
    """Lines (count + 1, 2), centre (2,) and spread (2, 2) of their law, whether it was reached.

    Parameters
    ----------
    x, y, weight
        (n,) log-odds, outcomes, weights.
    group
        (n,) group below ``count``, or -1 for none.
    """
    line, _ = PlattScaling().learn_event(x, y, weight)
    assert isinstance(line, Line)
    pooled = np.array([line.intercept, line.slope])
    known = group >= 0
    rows = x[known], y[known], weight[known], group[known]
    seen = np.bincount(rows[3], rows[2], count) > 0
    center, spread, converged = pooled.copy(), np.eye(2) / 4, False
    lines = np.tile(center, (count, 1))
    if not seen.any():
        return np.tile(pooled, (count + 1, 1)), center, spread, True
    for _ in range(steps):
        precision = np.linalg.inv(spread)
        lines, change, posterior = _newton(lines, rows, center, precision)
        center, spread = _law(lines[seen], posterior[seen], precision)
        if change < tolerance:
            converged = True
            break
    for _ in range(steps):
        lines, change, _ = _newton(lines, rows, center, np.linalg.inv(spread))
        if change < 1e-10:
            break
    lines[~seen] = pooled
    return np.vstack([lines, pooled]), center, spread, converged


def _newton(lines, rows, center, precision):
    """One step of every line to its posterior mode, the longest step, and posterior covariances."""
    x, y, weight, group = rows
    count = len(lines)
    eta = lines[group, 0] + lines[group, 1] * x
    e = np.exp(-np.abs(eta))
    q = np.where(eta >= 0, 1.0, e) / (1.0 + e)
    residual, curvature = weight * (y - q), weight * q * (1 - q)
    slope = np.column_stack([np.bincount(group, v, count) for v in (residual, residual * x)])
    slope -= (lines - center) @ precision
    h = [np.bincount(group, v, count) for v in (curvature, curvature * x, curvature * x * x)]
    information = np.stack([h[0], h[1], h[1], h[2]], axis=1).reshape(count, 2, 2) + precision
    posterior = np.linalg.inv(information)
    step = np.einsum("gij,gj->gi", posterior, slope)
    length = np.abs(step).max(axis=1, initial=0.0)
    step *= np.minimum(1.0, STRIDE / np.maximum(length, 1e-300))[:, None]
    return lines + step, float(length.max(initial=0.0)), posterior


def _law(lines, posterior, precision):
    """Centre and spread that explain the lines and what is not known about them best."""
    g = len(lines)
    pull = np.linalg.solve(g * precision + PRIOR, precision @ lines.sum(axis=0) + PRIOR @ IDENTITY)
    away = lines - pull
    return pull, (away.T @ away + posterior.sum(axis=0)) / g + 1e-12 * np.eye(2)
