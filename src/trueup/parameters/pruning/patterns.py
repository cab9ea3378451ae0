"""Which weights go, given how much each is worth: patterns of pruning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from trueup.core.errors import UsageError


WORDS = ("layer", "row", "model", "channels")


@dataclass(frozen=True)
class Pattern:
    """Where weights may go.

    Attributes
    ----------
    kind
        ``"layer"``, ``"row"``, ``"model"``, ``"channels"``, or ``"groups"`` of n of m.
    n, m
        Of every m neighbours in a row n stay.
    """

    kind: str
    n: int = 0
    m: int = 0

    @classmethod
    def read(cls, text: str) -> Pattern:
        """Of a word, or of n:m."""
        if text in WORDS:
            return cls(text)
        match = re.fullmatch(r"(\d+):(\d+)", text)
        if not match or not 0 < int(match[1]) < int(match[2]):
            raise UsageError(
                "Prune", f"the pattern is '{text}'", do=f"Use {', '.join(WORDS)}, or n:m as 2:4"
            )
        return cls("groups", int(match[1]), int(match[2]))

    def keep(self, scores: np.ndarray, share: float) -> np.ndarray:
        """Mask of the weights (rows, d) that stay; the least scores go, earlier ones first.

        Of n:m, columns after the last whole group stay.
        """
        rows, d = scores.shape
        if self.kind == "row":
            return _all_but_least(scores, int(share * d))
        if self.kind == "groups":
            whole = d - d % self.m
            groups = scores[:, :whole].reshape(-1, self.m)
            found = np.ones((rows, d), bool)
            found[:, :whole] = _all_but_least(groups, self.m - self.n).reshape(rows, whole)
            return found
        if self.kind == "channels":
            of_rows = np.square(scores.astype(np.float64)).sum(1)
            stay = _all_but_least(of_rows[None], int(share * rows))[0]
            return np.repeat(stay[:, None], d, axis=1)
        return _all_but_least(scores.reshape(1, -1), int(share * scores.size)).reshape(rows, d)


def _all_but_least(scores: np.ndarray, k: int) -> np.ndarray:
    """Mask (rows, d) that is False at the ``k`` least of every row."""
    found = np.ones(scores.shape, bool)
    if k:
        if scores.shape[1] <= 64:
            least = np.argsort(scores, axis=1, kind="stable")[:, :k]
        else:
            least = np.argpartition(scores, k - 1, axis=1)[:, :k]
        np.put_along_axis(found, least, False, axis=1)
    return found


def least_of_all(scores: Callable[[], Iterable[np.ndarray]], k: int) -> tuple[np.float32, int]:
    """The k-th least of all scores >= 0, and how many of those equal to it are among the k.

    Scores are looked at twice, an array at a time, and counted by the first and then by the last
    half of their bits, which rank as the numbers do.
    """
    high = np.zeros(1 << 16, np.int64)
    for part in scores():
        high += np.bincount(_bits(part) >> 16, minlength=1 << 16)
    top = int(np.searchsorted(np.cumsum(high), k))
    before, low = int(high[:top].sum()), np.zeros(1 << 16, np.int64)
    for part in scores():
        bits = _bits(part)
        low += np.bincount(bits[bits >> 16 == top] & 0xFFFF, minlength=1 << 16)
    last = int(np.searchsorted(np.cumsum(low), k - before))
    found = np.uint32((top << 16) | last).view(np.float32)
    return found, k - before - int(low[:last].sum())


def _bits(scores: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(scores, np.float32).reshape(-1).view(np.uint32)
