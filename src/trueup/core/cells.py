"""Sums of rows in cells: what every engine hands over and every measure reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Cells:
    """Named sums over the rows of every cell.

    ``n`` counts rows; ``w`` and ``w2`` sum weights and their squares (both equal ``n`` where rows
    carry no weight); ``y``, ``p``, ``brier`` and ``loss`` sum weight x outcome, score, Brier score
    and log loss.

    Attributes
    ----------
    names
        Names of the sums.
    sums
        (len(names), groups, ..., bins), float64.
    """

    names: tuple[str, ...]
    sums: np.ndarray

    def __getitem__(self, name: str) -> np.ndarray:
        """Sum ``name``, (groups, ..., bins)."""
        unweighted = name in ("w", "w2") and name not in self.names
        return self.sums[self.names.index("n" if unweighted else name)]

    def __add__(self, other: Cells) -> Cells:
        """Cells of both sets of rows together."""
        return Cells(self.names, self.sums + other.sums)

    @property
    def shape(self) -> tuple[int, ...]:
        """(groups, ..., bins)."""
        return self.sums.shape[1:]

    def total(self, *names: str) -> np.ndarray:
        """(groups, len(names)) sums over everything but the groups."""
        return np.stack([self[n].reshape(len(self[n]), -1).sum(axis=1) for n in names], axis=1)

    def merge(self, part: np.ndarray) -> Cells:
        """Cells with bins joined: bin ``b`` becomes bin ``part[b]``; ``part`` never falls."""
        starts = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1])
        return Cells(self.names, np.add.reduceat(self.sums, starts, axis=-1))

    def fold(self, groups: int) -> Cells:
        """Cells with group g joined into group g modulo ``groups``."""
        if self.shape[0] <= groups:
            return self
        pad = -self.shape[0] % groups
        wide = np.pad(self.sums, [(0, 0), (0, pad), *[(0, 0)] * (self.sums.ndim - 2)])
        return Cells(self.names, wide.reshape(len(self.names), -1, groups, *self.shape[1:]).sum(1))

    def of_groups(self, chosen: np.ndarray) -> Cells:
        """Cells of the groups where ``chosen`` (groups,) is True; the others become empty."""
        keep = np.asarray(chosen, dtype=np.float64).reshape(-1, *[1] * (self.sums.ndim - 2))
        return Cells(self.names, self.sums * keep)


def tally(key: np.ndarray, columns: dict[str, np.ndarray], *, shape: tuple[int, ...]) -> Cells:
    """Sum every column over the rows of each cell: the kernel that all engines must equal.

    Parameters
    ----------
    key
        (n,) flat number of the cell of every row.
    columns
        Name -> (n,) values to sum; ``n`` is added. Where y comes as flags, rows are counted by
        cell and flag, which gives both counts at once.
    shape
        Shape of the cells, groups first.
    """
    size = math.prod(shape)
    sums, flags = np.empty((len(columns) + 1, size)), columns.get("y")
    twice = flags is not None and flags.dtype == np.bool_
    if twice:
        counts = np.bincount(2 * key + flags, minlength=2 * size).reshape(size, 2).T
        sums[0] = counts[0] + counts[1]
    else:
        sums[0] = np.bincount(key, minlength=size)
    for i, (name, column) in enumerate(columns.items(), start=1):
        if twice and name == "y":
            sums[i] = counts[1]
        else:
            sums[i] = np.bincount(key, weights=column, minlength=size)
    return Cells(("n", *columns), sums.reshape(len(sums), *shape))
