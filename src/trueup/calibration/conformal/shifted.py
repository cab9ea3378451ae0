"""A rank among several sorted lists, each shifted by an amount of its own, for many rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


ROWS = 2**14
"""Rows that are searched together: what is between stays in the processor's cache."""

CLOSE = 24
"""Values between the ends of a search from which they are passed one by one."""


def shifted_rank(lists: list[np.ndarray], shifts: np.ndarray, *, rank: int) -> np.ndarray:
    """The value (m,) of rank ``rank`` among all ``lists[k] + shifts[:, k]``, row by row.

    A search on the value, with counts from the sorted lists: O(m K log n) instead of the m n values
    themselves. Counts are interpolated between the ends of the search; every third step halves it.

    Parameters
    ----------
    lists
        K arrays of n numbers in all.
    shifts
        (m, K) finite numbers.
    rank
        1 .. n.

    Examples
    --------
    >>> shifted_rank([np.array([1.0, 3.0]), np.array([2.0])], np.array([[0.0, 0.5]]), rank=2)
    array([2.5])
    """
    tape = _Tape.of(lists)
    parts = [_search(tape, shifts[i : i + ROWS], rank) for i in range(0, len(shifts), ROWS)]
    return np.concatenate(parts) if parts else np.zeros(0)


@dataclass(frozen=True, eq=False)
class _Tape:
    """Lists without repetition, end to end, each between a lowest and a highest value.

    Attributes
    ----------
    values
        -inf, the distinct values, +inf; list after list.
    counts
        Numbers at or below each value of its list.
    start
        (K,) place of the -inf of every list.
    lists
        The distinct values of every list.
    """

    values: np.ndarray
    counts: np.ndarray
    start: np.ndarray
    lists: list[np.ndarray]

    @classmethod
    def of(cls, lists: list[np.ndarray]) -> _Tape:
        found = [np.unique(x, return_counts=True) for x in lists]
        values = [np.concatenate([[-np.inf], v, [np.inf]]) for v, _ in found]
        counts = [np.concatenate([[0], np.cumsum(c), [len(x)]])
                  for (_, c), x in zip(found, lists, strict=True)]  # fmt: skip
        start = np.cumsum([0, *(len(v) for v in values)])[:-1]
        return cls(np.concatenate(values), np.concatenate(counts), start, [v for v, _ in found])

    def below(self, t: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Distinct values (m, K) of every list at or below ``t`` (m,)."""
        place = np.empty(shifts.shape, dtype=np.intp)
        for k, values in enumerate(self.lists):
            place[:, k] = np.searchsorted(values, t - shifts[:, k], side="right")
        return place

    def total(self, place: np.ndarray) -> np.ndarray:
        """Numbers (m,) among the first ``place`` (m, K) distinct values."""
        return self.counts[self.start + place].sum(axis=1)

    def at(self, place: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Shifted values (m, K) at ``place``, which counts from 1."""
        return self.values[self.start + place] + shifts


def _search(tape: _Tape, shifts: np.ndarray, rank: int) -> np.ndarray:
    """The values (m,) of ``rank``, rows side by side."""
    low, high = _bracket(tape, shifts, rank)
    at_low, at_high = tape.below(low, shifts), tape.below(high, shifts)
    made, rows = np.empty(len(shifts)), np.arange(len(shifts))
    for step in range(400):
        below, above = tape.total(at_low), tape.total(at_high)
        middle = low + (high - low) * _share(
            rank, below, above, halve=step % 3 == 2, up=step % 3 == 0
        )
        # Where no number lies between the ends, they are the answer to the last digit.
        done = ((at_high - at_low).sum(axis=1) <= CLOSE) | (middle <= low) | (middle >= high)
        if done.any():
            made[rows[done]] = _walk(tape, shifts[done], at_high[done], rank)
            left = ~done
            rows, shifts, middle = rows[left], shifts[left], middle[left]
            low, high, at_low, at_high = low[left], high[left], at_low[left], at_high[left]
        if not len(rows):
            break
        place = tape.below(middle, shifts)
        enough = tape.total(place) >= rank
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        at_low = np.where(enough[:, None], at_low, place)
        at_high = np.where(enough[:, None], place, at_high)
    return made


def _bracket(tape: _Tape, shifts: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (m,) with fewer than ``rank`` values at or below, and with that many at least.

    Of each list its share of the ranks: below the least of these numbers there are too few values,
    at the greatest of them enough.
    """
    last = [s + len(v) + 1 for s, v in zip(tape.start, tape.lists, strict=True)]
    sizes = tape.counts[last]
    n, low, high = sizes.sum(), [], []
    for k, values in enumerate(tape.lists):
        counts = tape.counts[tape.start[k] + 1 : tape.start[k] + 1 + len(values)]
        few = np.searchsorted(counts, (rank - 1) * sizes[k] // n, side="right")
        many = np.searchsorted(counts, -(-rank * sizes[k] // n), side="left")
        low.append(shifts[:, k] + (values[few] if few < len(values) else np.inf))
        high.append(shifts[:, k] + values[many])
    # A shift and its opposite may lose the last digits: the ends stand a little outside.
    ends = np.abs([*low, *high, *shifts.T])
    slack = 16 * np.spacing(ends.max(axis=0, where=np.isfinite(ends), initial=0.0))
    return np.min(low, axis=0) - slack, np.max(high, axis=0) + slack


def _share(rank: int, below: np.ndarray, above: np.ndarray, *, halve: bool, up: bool) -> np.ndarray:
    """Where between the ends the search looks next: alternately just above and below the rank."""
    if halve:
        return np.full(len(below), 0.5)
    aim = rank + (CLOSE / 3 if up else -CLOSE / 3)
    return np.clip((aim - below) / np.maximum(above - below, 1), 0.02, 0.98)


def _walk(tape: _Tape, shifts: np.ndarray, place: np.ndarray, rank: int) -> np.ndarray:
    """From ``place`` (m, K), with enough values included, down to the value of the rank."""
    place, made, rows = place.copy(), np.empty(len(shifts)), np.arange(len(shifts))
    total = tape.total(place)
    while len(rows):
        last = tape.at(place, shifts)
        k = last.argmax(axis=1)
        here = tape.start[k] + np.take_along_axis(place, k[:, None], 1)[:, 0]
        without = total - (tape.counts[here] - tape.counts[here - 1])
        done = without < rank
        made[rows[done]] = last[np.flatnonzero(done), k[done]]
        left = ~done
        rows, shifts, total, place, k = (
            rows[left],
            shifts[left],
            without[left],
            place[left],
            k[left],
        )
        place[np.arange(len(rows)), k] -= 1
    return made
