"""Coefficients of chosen terms, with intervals: weighted by band, resampled by block of windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from trueup.error.discovery.grams import Grams


DRAWS = 400
TINY = 1e-14


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Estimates of the chosen terms.

    Attributes
    ----------
    values, sd, low, high
        (p,) estimates, their standard errors, ends of their intervals.
    draws
        (draws, p) estimates of the resamples.
    weights
        (bands,) weights of the rows.
    """

    values: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    draws: np.ndarray
    weights: np.ndarray


NOTHING = Coefficients(*[np.zeros(0)] * 4, np.zeros((0, 0)), np.zeros(0))
"""Estimates of no terms."""


def band_weights(grams: Grams, rounds: int = 3) -> np.ndarray:
    """Weights (bands,) of feasible generalised least squares: 1 / the variance left in a band."""
    rows = np.maximum(grams.rows * grams.blocks, 1.0)
    whole = grams.yy.sum(axis=0) / rows
    weights = np.full(len(rows), 1 / max(whole.mean(), 1e-300))
    for _ in range(rounds):
        left = grams.left(solve(*grams.weighed(weights).total())).sum(axis=0) / rows
        weights = 1 / (left + TINY * whole.max() + 1e-300)
    return weights


def resamples(blocks: int, *, seed: int, run: int = 1, draws: int = DRAWS) -> np.ndarray:
    """How often (draws, blocks) every block is drawn, ``run`` neighbours together, in a circle."""
    rng = np.random.default_rng(seed)
    firsts = rng.integers(0, blocks, (draws, -(-blocks // run)))
    index = (firsts[:, :, None] + np.arange(run)) % blocks
    index = index.reshape(draws, -1)[:, :blocks]
    counts = np.zeros((draws, blocks))
    np.add.at(counts, (np.arange(draws)[:, None], index), 1.0)
    return counts


def coefficients(
    grams: Grams,
    plain: Grams,
    noisier: list[Grams],
    counts: np.ndarray,
    *,
    level: float,
    basis: np.ndarray | None = None,
) -> Coefficients:
    """Least squares with weights by band, rid of the bias that noise in the columns makes.

    ``noisier`` are sums like ``plain`` with the noise added once more. Noise in the columns draws
    coefficients towards 0 in proportion to its variance, so the estimate plus the difference of the
    plain and the mean noisier one is free of it to first order (SIMEX; Cook & Stefanski 1994).
    Intervals are by the t law from the spread over resamples of blocks. Where coefficients are
    tied, they are ``basis`` (p, q) times q free ones.
    """
    basis = np.eye(grams.xy.shape[-1]) if basis is None else basis
    grams, plain, *noisier = (g.mapped(basis) for g in (grams, plain, *noisier))
    weights = band_weights(grams)
    every = [g.weighed(weights) for g in ([grams, plain, *noisier] if noisier else [grams])]
    values = _unbiased([solve(*g.total()) for g in every])
    draws = _unbiased([solve(*g.total(counts)) for g in every])
    loose = max(grams.blocks - len(values), 1)
    values, draws = basis @ values, draws @ basis.T
    sd = draws.std(axis=0, ddof=1) * np.sqrt(grams.blocks / loose)
    wide = stdtrit(loose, (1 + level) / 2) * sd
    return Coefficients(values, sd, values - wide, values + wide, draws, weights)


def _unbiased(found: list[np.ndarray]) -> np.ndarray:
    """The first of the estimates, moved by as much as noise moves the second to the others."""
    first, *rest = found
    return first + rest[0] - np.mean(rest[1:], axis=0) if rest else first


def solve(xx, xy, yy) -> np.ndarray:
    """Least squares (..., p), columns brought to one length first."""
    length = np.sqrt(np.maximum(np.diagonal(xx, axis1=-2, axis2=-1), 1e-300))
    r = xx / (length[..., :, None] * length[..., None, :])
    r = r + 1e-13 * np.eye(r.shape[-1])
    return np.linalg.solve(r, (xy / length)[..., None])[..., 0] / length
