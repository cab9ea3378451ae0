"""Bins of a score in [0, 1] that serve every measure at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trueup.core.errors import UsageError
from trueup.core.probabilities import EPS


@dataclass(frozen=True)
class Grid:
    """The common refinement of equal-width bins and of equal steps in log-odds.

    The number of a bin is the sum of two non-decreasing step functions of the score, so it is
    itself non-decreasing, and each value of it belongs to exactly one pair of steps: equal-width
    bins are read off exactly, while ranks and tails keep the resolution of the log-odds.

    Parameters
    ----------
    width
        Equal-width bins (lo, hi]; 60 holds 2, 3, 4, 5, 6, 10, 12, 15, 20 and 30 bins exactly.
    logit
        Steps of log-odds between -16 and 16.

    Examples
    --------
    >>> grid = Grid()
    >>> grid.size, grid(np.array([0.0, 0.5, 1.0])).tolist()
    (1083, [0, 541, 1082])
    """

    width: int = 60
    logit: int = 1024

    @property
    def size(self) -> int:
        """Number of bins."""
        return self.width + self.logit - 1

    @property
    def scale(self) -> float:
        """A hair less than ``width``.

        A score times ``width`` may round to the wrong side of an edge; times this it stays below,
        and one comparison with the edge itself puts it right.
        """
        return self.width * (1 - 2**-51)

    def __call__(self, score: np.ndarray, *, odds: np.ndarray | None = None) -> np.ndarray:
        """Bin (n,) of every ``score`` (n,) in [0, 1]; ``odds`` (n,) where they are known."""
        p = np.asarray(score, dtype=np.float64)
        # Rounding may carry a score up to the edge above it, never down past one: an edge is the
        # number nearest to its fraction. One comparison with the edge itself puts it right.
        step = (p * self.width).astype(np.int32)
        step -= p <= step / self.width
        np.maximum(step, 0, out=step)
        if self.logit == 1:  # no steps of log-odds, so no logarithms
            return step
        if odds is None:
            odds = np.log(np.maximum(p, EPS)) - np.log(np.maximum(1.0 - p, EPS))
        rung = np.floor(odds * (self.logit / 32) + self.logit / 2)
        step += np.clip(rung, 0, self.logit - 1, out=rung).astype(np.int32)
        return step

    @cached_property
    def width_bin(self) -> np.ndarray:
        """Equal-width bin (size,) that each bin lies in."""
        steps = (np.arange(1, self.logit) - self.logit / 2) * (32 / self.logit)
        edges = np.concatenate([1 / (1 + np.exp(-steps)), np.arange(1, self.width) / self.width])
        is_width = np.repeat([False, True], [self.logit - 1, self.width - 1])
        # At a common edge the log-odds step, closed on the left, comes before the width step.
        order = np.lexsort((is_width, edges))
        return np.concatenate([[0], np.cumsum(is_width[order])])

    def equal_width(self, bins: int) -> np.ndarray | None:
        """Which of ``bins`` equal-width bins each bin lies in; None where they do not fit."""
        return None if self.width % bins else self.width_bin // (self.width // bins)

    def coarse(self, bins: int) -> np.ndarray:
        """Which of ``bins`` runs of neighbouring bins each bin lies in."""
        return np.arange(self.size) * bins // self.size

    @property
    def above_half(self) -> np.ndarray:
        """(size,) whether a bin holds scores above one half."""
        return self.width_bin >= self.width // 2


@dataclass(frozen=True)
class EdgeGrid(Grid):
    """Bins (lo, hi] between given ``edges``: those of equal mass, made for one set of scores.

    Examples
    --------
    >>> grid = EdgeGrid.of(np.array([0.1, 0.2, 0.2, 0.9]), bins=2)
    >>> grid.edges, grid(np.array([0.0, 0.2, 0.3])).tolist()
    ((0.1,), [0, 1, 1])
    """

    width: int = 1
    logit: int = 1
    edges: tuple[float, ...] = ()

    @classmethod
    def of(cls, scores: np.ndarray, *, bins: int, weight: np.ndarray | None = None) -> EdgeGrid:
        """``bins`` bins with about equal weight of ``scores`` (n,); ties stay together.

        Where ties leave fewer bins, the others are empty, so that the size is always ``bins``.
        """
        if weight is None:
            ranked = np.sort(scores)
            ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], len(ranked) > 0))
            values, mass = ranked[ends], np.diff(ends, prepend=-1)
        else:
            values, place = np.unique(scores, return_inverse=True)
            mass = np.bincount(place, weights=weight, minlength=len(values))
        last = np.flatnonzero(np.diff(equal_mass(mass.astype(np.float64), bins=bins)))
        edges = [*values[last].tolist(), *[1.0] * (bins - 1 - len(last))]
        return cls(edges=tuple(edges))

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.edges) + 1

    def __call__(self, score: np.ndarray, *, odds: np.ndarray | None = None) -> np.ndarray:
        """Bin (n,) of every ``score`` (n,) in [0, 1]."""
        return np.searchsorted(self.edges, np.asarray(score, dtype=np.float64)).astype(np.int32)

    @cached_property
    def width_bin(self) -> np.ndarray:
        """All bins lie in the one equal-width bin from 0 to 1."""
        return np.zeros(self.size, dtype=np.int64)

    @property
    def above_half(self) -> np.ndarray:
        """(size,) whether a bin holds scores above one half only."""
        return np.concatenate([[-1.0], self.edges]) >= 0.5


def check_bins(who: str, bins: int) -> None:
    """Refuse fewer than one bin."""
    if bins < 1:
        raise UsageError(who, f"bins is {bins}", do="Pass at least 1")


def equal_mass(weight: np.ndarray, *, bins: int) -> np.ndarray:
    """Which of at most ``bins`` runs with about equal weight each fine bin lies in.

    Rows of one fine bin stay together, so tied scores are never torn apart.

    Examples
    --------
    >>> equal_mass(np.array([1.0, 1.0, 5.0, 1.0]), bins=2).tolist()
    [0, 0, 1, 1]
    """
    middle = np.cumsum(weight) - weight / 2
    part = np.minimum(middle / max(weight.sum(), 1e-300) * bins, bins - 1).astype(np.int64)
    return np.unique(np.maximum.accumulate(part), return_inverse=True)[1]
