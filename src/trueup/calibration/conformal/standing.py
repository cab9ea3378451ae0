"""Where a class stands among the others of its row: of one class a row, of all, in expressions."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from trueup.core.expressions import (
    Above,
    AtLeast,
    Expr,
    Scaled,
    Sorted,
    Total,
    operate,
)
from trueup.core.rows import uniforms


class OfTruth:
    """The class that came, a column (n,): comparisons with it alone, no sorting."""

    def __init__(self, probs: np.ndarray, truth: np.ndarray, seed: int | None) -> None:
        self._probs, self._truth = probs, truth
        self._rows = np.arange(len(truth))
        self.p = probs[self._rows, truth]
        self.u = 1.0 if seed is None else uniforms(probs, seed=seed)

    @cached_property
    def _above(self) -> np.ndarray:
        """(n, k) whether a class is at least as probable."""
        return self._probs >= self.p[:, None]

    @cached_property
    def mass(self) -> np.ndarray:
        return np.einsum("nk,nk->n", self._probs, self._above)

    @cached_property
    def rank(self) -> np.ndarray:
        return np.count_nonzero(self._above, axis=1).astype(self.p.dtype)

    @cached_property
    def top(self) -> np.ndarray:
        return self._probs.max(axis=1)

    @cached_property
    def rival(self) -> np.ndarray:
        others = self._probs.copy()
        others[self._rows, self._truth] = -1.0
        return others.max(axis=1)


class OfAll:
    """All classes (n, k), by one sort of every row."""

    def __init__(self, probs: np.ndarray, seed: int | None) -> None:
        self.p = probs
        self.u = 1.0 if seed is None else uniforms(probs, seed=seed)[:, None]

    @cached_property
    def _order(self) -> np.ndarray:
        """Places (n, k) of the classes, the most probable first."""
        return np.argsort(-self.p, axis=1)

    @cached_property
    def _sorted(self) -> np.ndarray:
        return np.take_along_axis(self.p, self._order, axis=1)

    @cached_property
    def _last(self) -> np.ndarray | None:
        """Place (n, k) of the last class that is as probable; None where no two are."""
        tied = self._sorted[:, 1:] == self._sorted[:, :-1]
        if not tied.any():
            return None
        k = self.p.shape[1]
        ends = np.where(np.pad(tied, ((0, 0), (0, 1))), k - 1, np.arange(k))
        return np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]

    def _scattered(self, values: np.ndarray) -> np.ndarray:
        """Values of the sorted classes, those of equal ones made equal, at their own places."""
        if self._last is not None:
            values = np.take_along_axis(values, self._last, axis=1)
        out = np.empty(self.p.shape, dtype=values.dtype)
        np.put_along_axis(out, self._order, values, axis=1)
        return out

    @cached_property
    def mass(self) -> np.ndarray:
        return self._scattered(np.cumsum(self._sorted, axis=1))

    @cached_property
    def rank(self) -> np.ndarray:
        ranks = np.arange(1, self.p.shape[1] + 1, dtype=self.p.dtype)
        return self._scattered(np.broadcast_to(ranks, self.p.shape))

    @cached_property
    def top(self) -> np.ndarray:
        return self.p.max(axis=1, keepdims=True)

    @cached_property
    def rival(self) -> np.ndarray:
        first = self.p.argmax(axis=1)[:, None]
        second = np.partition(self.p, -2, axis=1)[:, -2:-1]
        out = np.broadcast_to(self.top, self.p.shape).copy()
        np.put_along_axis(out, first, second, axis=1)
        return out


class OfNodes:
    """All classes, the columns of ``probs``, as expressions for other engines; without chance."""

    def __init__(self, probs: Expr) -> None:
        self.p = probs

    @cached_property
    def mass(self) -> Expr:
        return Above(self.p)

    @cached_property
    def rank(self) -> Expr:
        return Above(self.p, count=True)

    @cached_property
    def top(self) -> Expr:
        return Total(self.p, greatest=True)

    @cached_property
    def rival(self) -> Expr:
        order, k = Sorted(self.p), self.p.width
        first = AtLeast(operate("subtract", self.p, order[k - 1]), 0.0)
        # One of the factors is 0 and the other 1: the sum is exact.
        others = Scaled(first, -1.0, 1.0)
        second, top = (
            operate("multiply", own, order[k - j]) for own, j in ((first, 2), (others, 1))
        )
        return operate("add", second, top)
