"""Which terms to keep: by the error on windows that were held out, not by eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trueup.error.discovery.grams import Grams
from trueup.error.discovery.regressions import RESAMPLED, RIDGE, cost_of_loss, solved


if TYPE_CHECKING:
    from trueup.error.discovery.increments import Increments
    from trueup.error.discovery.numerics import Limit

FOLDS = 5
THRESHOLDS = np.logspace(-3, 0, 25)


@dataclass(frozen=True, eq=False)
class Choice:
    """The terms that are worth having, before their coefficients are known.

    Attributes
    ----------
    alive, shares
        (places,) which they are, and in what share of resamples each is.
    sums, increments, weights
        Sums of all terms, tied ones put together; how these were made and weighed.
    """

    alive: np.ndarray
    shares: np.ndarray
    sums: Grams
    increments: Increments | Limit
    weights: np.ndarray


def standardised(xx, xy, yy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correlations of columns and target, and the columns' lengths, draws in front or not."""
    length = np.sqrt(np.maximum(np.diagonal(xx, axis1=-2, axis2=-1), 1e-300))
    target = np.sqrt(np.maximum(yy, 1e-300))[..., None]
    return xx / (length[..., :, None] * length[..., None, :]), xy / (length * target), length


def supports(
    grams: Grams, regression, counts: np.ndarray, thresholds: np.ndarray = THRESHOLDS
) -> np.ndarray:
    """Distinct supports (tries, p) that a regression finds on all blocks, no term among them.

    ``counts`` (draws, blocks) are the resamples for a regression that looks at these.
    """
    xx, xy, yy = grams.total(counts if regression in RESAMPLED else None)
    r, s, _ = standardised(xx, xy, yy)
    path = regression(r, s, float(grams.rows.sum() * grams.blocks), thresholds)
    nothing = np.zeros((1, xy.shape[-1]), dtype=bool)
    return np.unique(np.concatenate([nothing, path]), axis=0)


def held_out(grams: Grams, tries: np.ndarray) -> np.ndarray:
    """Squares (tries, blocks) left on every block by coefficients of the other folds."""
    fold = np.arange(grams.blocks) * FOLDS // grams.blocks
    left = np.empty((len(tries), grams.blocks))
    for one in range(fold.max() + 1):
        xx, xy, _ = grams.total((fold != one)[None].astype(float))
        here = _blocks(grams, fold == one)
        for number, alive in enumerate(tries):
            left[number, fold == one] = here.left(solved(xx[0], xy[0], alive)).sum(axis=1)
    return left


def _blocks(grams: Grams, index) -> Grams:
    return Grams(grams.xx[index], grams.xy[index], grams.yy[index], grams.rows)


def choose(
    grams: Grams, tries: np.ndarray, *, least: float, symbols: np.ndarray | None = None
) -> np.ndarray:
    """The fewest terms that predict held-out windows as well as any.

    As well means: worse by no more than two standard errors of the paired difference over blocks,
    or by a share of the explained variance of no more than ``least`` squared. Of equally few those
    that are written with the fewest ``symbols`` (p,): what noise cannot tell apart is more often
    y than y z.
    """
    left = held_out(grams, tries)
    total = left.sum(axis=1)
    best = int(total.argmin())
    behind = left - left[best]
    error = 2 * behind.std(axis=1, ddof=1) * np.sqrt(grams.blocks)
    explained = max(float(grams.yy.sum() - total[best]), 0.0)
    good = behind.sum(axis=1) <= np.maximum(error, least**2 * explained)
    few = np.flatnonzero(good)
    length = tries @ (np.zeros(tries.shape[1]) if symbols is None else symbols)
    order = np.lexsort((total[few], length[few], tries[few].sum(axis=1)))
    return tries[few[order[0]]]


def inclusion(grams: Grams, alive: np.ndarray, counts: np.ndarray, *, least: float) -> np.ndarray:
    """Share (p,) of resamples in which a term is worth having beside the chosen ones.

    A chosen term where losing it costs more than ``least`` squared of the explained variance and
    more than its own noise would; another where adding it gains as much.
    """
    xx, xy, yy = grams.total(counts)
    r, s, _ = standardised(xx, xy, yy)
    rows = max(float(grams.blocks), 2.0)
    shares = np.zeros(len(alive))
    fit = np.array([solved(a, b, alive) @ b for a, b in zip(r, s, strict=True)])
    for term in range(len(alive)):
        at = np.union1d(np.flatnonzero(alive), term)
        every = np.ones((len(s), len(at)), dtype=bool)
        gains = cost_of_loss(r[:, at[:, None], at], s[:, at], every)
        gain = gains[:, np.searchsorted(at, term)]
        noise = 2 * np.maximum(1 - fit, RIDGE) / rows
        shares[term] = np.mean(gain > np.maximum(least**2 * np.maximum(fit, RIDGE), noise))
    return shares


def signed(grams: Grams, tries: np.ndarray, *, basis: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Supports ``tries`` (n, q) without the terms whose sign is another than is known.

    ``wanted`` (p,) holds -1, 1, or 0 where nothing is known; ``basis`` (p, q) gives coefficients of
    the p terms by the q that ties leave free.
    """
    if not wanted.any():
        return tries
    xx, xy, _ = grams.total()
    kept = []
    for alive in tries:
        while (wrong := np.sign(basis @ solved(xx, xy, alive)) * wanted < 0).any():
            alive = alive & ~(basis[wrong] != 0).any(axis=0)
        kept.append(alive)
    return np.unique(kept, axis=0)
