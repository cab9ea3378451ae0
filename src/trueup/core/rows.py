"""Which rows a piece of evidence holds, so that a proof can refuse rows that a fit has seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Rows:
    """Identities of rows, as 64-bit numbers.

    A row is known by its key where the user named one, else by its place in the arrays it came
    from. Two tables cut from the same data outside this library are recognised by their contents,
    when they share more of them than chance explains.

    Attributes
    ----------
    ids
        (n,) identities: of the key, or of the place in one table.
    contents
        (n,) numbers of the values of each row, or None where keys say who is who.
    """

    ids: np.ndarray
    contents: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def shared_with(self, other: Rows) -> int:
        """How many rows of ``self`` are in ``other`` too."""
        same = int(np.isin(self.ids, other.ids).sum())
        if same or self.contents is None or other.contents is None:
            return same
        return _shared_contents(self.contents, other.contents)

    def take(self, index) -> Rows:
        """The rows of ``index``."""
        return Rows(self.ids[index], None if self.contents is None else self.contents[index])

    @classmethod
    def of(cls, arrays: list[np.ndarray], *, keys: np.ndarray | None = None) -> Rows:
        """Rows of parallel ``arrays`` (n, ...), known by ``keys`` (n,) where given."""
        if keys is not None:
            return cls(_mix(np.asarray(keys, dtype=np.int64).astype(np.uint64)))
        contents = np.empty(len(arrays[0]), dtype=np.uint64)
        for rows in _blocks(len(contents), sum(max(np.size(a[:1]), 1) for a in arrays)):
            found = np.uint64(0)
            for column in arrays:
                found = _mix(found ^ _row_bits(column[rows]))
            contents[rows] = found
        places = np.arange(len(contents), dtype=np.uint64)
        for rows in _blocks(len(places), 1):
            places[rows] = _mix(places[rows])
        # The same place in another table must be another row.
        return cls(places ^ np.einsum("n,n->", contents, places | np.uint64(1)), contents)


def uniforms(array: np.ndarray, *, seed: int) -> np.ndarray:
    """A number (n,) in [0, 1) a row of ``array`` (n, ...), from its values and a seed alone.

    As good as chance, yet the same row gets the same number at any place, on any day.

    Examples
    --------
    >>> rows = np.random.default_rng(0).random((4, 2))
    >>> bool((uniforms(rows, seed=1)[2:] == uniforms(rows[2:], seed=1)).all())
    True
    """
    contents = Rows.of([array]).contents
    assert contents is not None
    mixed = _mix(contents ^ _mix(np.array([seed], dtype=np.int64).astype(np.uint64)))
    return (mixed >> np.uint64(11)) * 2.0**-53


NOBODY = Rows(np.zeros(0, dtype=np.uint64))
"""Identity of rows where nobody asks for it: to hash them takes longer than to measure."""


def _shared_contents(a: np.ndarray, b: np.ndarray) -> int:
    """Rows of ``a`` whose contents are in ``b``; 0 where chance explains them.

    Rounded scores meet by chance. Values that two samples of one law share are, on average, no more
    than those that recur within either sample (with Poisson counts of mean s and t, ``s t`` is at
    most ``s^2 / 2 + t^2 / 2``). Where none recurs, one in a hundred rows still may, and float32 has
    only about 2^24 values.
    """
    one, other = np.unique(a, return_counts=True), np.unique(b, return_counts=True)
    shared = np.isin(one[0], other[0]).sum()
    chance = sum((counts > 1).sum() for _, counts in (one, other))
    chance += min(len(a), len(b), 100) / 100 + len(a) * len(b) / 2**24
    return int(np.isin(a, b).sum()) if shared > chance + 4 * np.sqrt(chance) else 0


def _blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices of rows that stay in the processor's cache while they are hashed."""
    size = max(2**15 // width, 1)
    return (slice(start, start + size) for start in range(0, rows, size))


def _row_bits(column: np.ndarray) -> np.ndarray:
    """One number a row from its values; the order of columns matters.

    Values of several columns enter through a sum with odd factors, one a column, which two rows
    share by chance in one of 2^32 cases at most. What a factor carries moves upwards only, so the
    upper half of a number, where that of a float32 lies, is folded into the lower half first.
    """
    bits = (np.asarray(column, dtype=np.float64) + 0.0).view(np.uint64)  # makes -0.0 equal to 0.0
    if bits.ndim == 1:
        return bits
    factors = _mix(np.arange(bits.shape[1], dtype=np.uint64)) | np.uint64(1)
    return np.einsum("nk,k->n", bits ^ (bits >> np.uint64(32)), factors)


def _mix(x: np.ndarray) -> np.ndarray:
    """The finalizer of splitmix64: every bit of the input moves half the bits of the output."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x ^= x >> np.uint64(shift)
        x *= np.uint64(factor)
    return x ^ (x >> np.uint64(31))
