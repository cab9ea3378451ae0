"""Which rows a piece of evidence holds, so that a proof can refuse rows that a fit has seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Rows:
    """Identities of rows, as 64-bit numbers.

    A row is known by its key where the user named one, else by its content where contents are
    distinct, else by its place in the arrays it came from. Two tables cut from the same data are
    thus recognised even when they were cut outside this library.

    Attributes
    ----------
    ids
        (n,) identities.
    """

    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def shared_with(self, other: Rows) -> int:
        """How many rows of ``self`` are in ``other`` too."""
        return int(np.isin(self.ids, other.ids).sum())

    def take(self, index) -> Rows:
        """The rows of ``index``."""
        return Rows(self.ids[index])

    @classmethod
    def of(cls, arrays: list[np.ndarray], *, keys: np.ndarray | None = None) -> Rows:
        """Rows of parallel ``arrays`` (n, ...), known by ``keys`` (n,) where given."""
        if keys is not None:
            return cls(_mix(np.asarray(keys, dtype=np.int64).astype(np.uint64)))
        content = np.zeros(len(arrays[0]), dtype=np.uint64)
        for column in arrays:
            content = _mix(content ^ _row_bits(column))
        if len(np.unique(content)) == len(content):
            return cls(content)
        return cls(_mix(np.arange(len(content), dtype=np.uint64) ^ _fingerprint(content)))


def _row_bits(column: np.ndarray) -> np.ndarray:
    """One number a row from its values; the order of columns matters."""
    table = np.asarray(column, dtype=np.float64).reshape(len(column), -1)
    bits = np.ascontiguousarray(table + 0.0).view(np.uint64)  # + 0.0 makes -0.0 equal to 0.0
    row = np.zeros(len(table), dtype=np.uint64)
    for j in range(table.shape[1]):
        row = _mix(row ^ bits[:, j])
    return row


def _mix(x: np.ndarray) -> np.ndarray:
    """The finalizer of splitmix64: every bit of the input moves half the bits of the output."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _fingerprint(content: np.ndarray) -> np.uint64:
    digest = hashlib.blake2b(content.tobytes(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))
