"""Sparse regressions on sums: which supports to try, from many terms to few.

Each takes the correlations of standardised columns, ``xx`` (p, p) and ``xy`` (p,) where the target
has variance 1, the number of ``rows``, and ``thresholds``, rising shares of the target's standard
deviation; each gives supports (tries, p) of bool.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


RIDGE = 1e-12
"""What is added to the diagonal, so that equal columns do not break the solver."""

INCLUSION = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of resamples from which on the ensemble keeps a term."""

Regression = Callable[[np.ndarray, np.ndarray, float, np.ndarray], np.ndarray]


def elimination(xx, xy, rows: float, thresholds: np.ndarray) -> np.ndarray:
    """Backward: the term whose loss costs least goes first, one after the other.

    ``xx`` and ``xy`` may have draws in front; all draws are eliminated side by side.
    """
    xx, xy = np.asarray(xx), np.asarray(xy)
    *front, p = xy.shape
    alive = np.ones((*front, p), dtype=bool)
    path = [alive.copy()]
    for _ in range(p - 1):
        worst = np.argmin(cost_of_loss(xx, xy, alive), axis=-1)
        np.put_along_axis(alive, worst[..., None], False, axis=-1)
        path.append(alive.copy())
    return np.stack(path)


def cost_of_loss(xx, xy, alive) -> np.ndarray:
    """How much the residual variance rises when a term of ``alive`` is lost; else infinity."""
    both = alive[..., :, None] & alive[..., None, :]
    held = np.where(both, xx, 0.0) + np.where(alive, RIDGE, 1.0)[..., None] * np.eye(xx.shape[-1])
    inverse = np.linalg.pinv(held, rcond=RIDGE, hermitian=True)
    coefficients = (inverse @ np.where(alive, xy, 0.0)[..., None])[..., 0]
    spread = np.maximum(np.diagonal(inverse, axis1=-2, axis2=-1), RIDGE)
    return np.where(alive, coefficients**2 / spread, np.inf)


def thresholded(xx, xy, rows: float, thresholds: np.ndarray) -> np.ndarray:
    """Sequentially thresholded least squares (STLSQ; Brunton, Proctor & Kutz 2016)."""
    found = []
    for threshold in thresholds:
        alive = np.ones(len(xy), dtype=bool)
        for _ in range(len(xy)):
            small = alive & (np.abs(solved(xx, xy, alive)) < threshold)
            if not small.any():
                break
            alive &= ~small
        found.append(alive)
    return np.stack(found)


def ensembled(xx, xy, rows: float, thresholds: np.ndarray) -> np.ndarray:
    """Sequential thresholds on resamples: what most keep (E-SINDy; Fasel et al. 2022).

    ``xx`` and ``xy`` have resamples of blocks of windows in front. A try for every threshold and
    every share of the resamples that must keep a term.
    """
    shares = np.stack([_kept(xx, xy, threshold).mean(axis=0) for threshold in thresholds])
    return np.concatenate([shares >= share for share in INCLUSION])


def _kept(xx, xy, threshold: float) -> np.ndarray:
    """Supports (draws, p) of sequential thresholds, all draws side by side."""
    alive = np.ones(xy.shape, dtype=bool)
    for _ in range(xy.shape[-1]):
        both = alive[:, :, None] & alive[:, None, :]
        held = np.where(both, xx, 0.0) + np.where(alive, RIDGE, 1.0)[:, None] * np.eye(len(xy[0]))
        found = np.linalg.solve(held, np.where(alive, xy, 0.0)[..., None])[..., 0]
        small = alive & (np.abs(found) < threshold)
        if not small.any():
            break
        alive &= ~small
    return alive


def relaxed(xx, xy, rows: float, thresholds: np.ndarray, *, nu: float = 1e-2) -> np.ndarray:
    r"""Sparse relaxed regularised regression (SR3; Zheng et al. 2019) with the :math:`l_0` norm.

    :math:`\tfrac12 |y - X\xi|^2 + \lambda |w|_0 + \tfrac{1}{2\nu} |\xi - w|^2`, alternately in
    :math:`\xi` and w; w keeps what is above the threshold :math:`\sqrt{2 \lambda \nu}`.
    """
    inverse = np.linalg.inv(xx + np.eye(len(xy)) / nu)
    found = []
    for threshold in thresholds:
        w = solved(xx, xy, np.ones(len(xy), dtype=bool))
        for _ in range(500):
            xi = inverse @ (xy + w / nu)
            new = np.where(np.abs(xi) >= threshold, xi, 0.0)
            if np.abs(new - w).max() < 1e-10:
                break
            w = new
        found.append(w != 0)
    return np.stack(found)


def relevance(xx, xy, rows: float, thresholds: np.ndarray) -> np.ndarray:
    r"""Relevance vector machine (Tipping 2001), on sums.

    With precisions :math:`\alpha_i` of the coefficients and :math:`\beta` of the noise,
    :math:`\Sigma = (\beta X'X + A)^{-1}`, :math:`m = \beta \Sigma X'y`,
    :math:`\gamma_i = 1 - \alpha_i \Sigma_{ii}`, and again :math:`\alpha_i = \gamma_i / m_i^2`,
    :math:`\beta = (n - \sum \gamma) / |y - Xm|^2`. A term goes where its coefficient is believed
    to be below the threshold: :math:`\alpha_i > 1 / t^2`.
    """
    return np.stack([_relevant(xx, xy, rows, threshold) for threshold in thresholds])


def _relevant(xx, xy, rows: float, threshold: float) -> np.ndarray:
    alive, alpha, beta = np.ones(len(xy), dtype=bool), np.full(len(xy), 1e-6), 1e-2
    for _ in range(300):
        at = np.flatnonzero(alive)
        if not len(at):
            break
        g, b, a = rows * xx[np.ix_(at, at)], rows * xy[at], alpha[at]
        sigma = np.linalg.inv(beta * g + np.diag(a))
        mean = beta * sigma @ b
        gamma = np.clip(1 - a * np.diag(sigma), 1e-12, 1.0)
        left = max(rows - 2 * mean @ b + mean @ g @ mean, rows * RIDGE)
        new, beta = gamma / np.maximum(mean**2, 1e-300), (rows - gamma.sum()) / left
        settled = np.abs(np.log(new / a)).max() < 1e-3
        alpha[at], before = new, alive.copy()
        alive[at] = new <= threshold**-2
        if settled and (before == alive).all():
            break
    return alive


def solved(xx, xy, alive) -> np.ndarray:
    """Least squares coefficients (p,) on the terms of ``alive``, 0 elsewhere."""
    at = np.flatnonzero(alive)
    found = np.zeros(len(xy))
    if len(at):
        found[at] = np.linalg.lstsq(xx[np.ix_(at, at)], xy[at], rcond=RIDGE)[0]
    return found


REGRESSIONS: dict[str, Regression] = {
    "elimination": elimination,
    "stlsq": thresholded,
    "sr3": relaxed,
    "rvm": relevance,
    "ensemble": ensembled,
}
RESAMPLED = frozenset({ensembled})
"""Regressions that look at resamples of the windows."""
