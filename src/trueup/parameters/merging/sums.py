"""Sums over tensors of several models, in double precision, from one pass over their files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from trueup.core.weights.view import PIECE, Weights


BLOCK = 1 << 14
"""Numbers that are turned to double precision at a time: they stay in the cache."""

SAME = 1e-5
"""How near sums over a neuron must be, relatively, to be those of the same neuron."""


@dataclass(frozen=True)
class Sums:
    """Products of k rows with each other and with 1, summed over the numbers of a tensor.

    Attributes
    ----------
    products
        (k + 1, k + 1); row 0 is that of 1, so that it holds the sums.
    """

    products: np.ndarray

    @property
    def n(self) -> int:
        """How many numbers a row has."""
        return int(self.products[0, 0])

    @property
    def finite(self) -> bool:
        """Whether all sums are finite: NaN or infinite numbers, or huge ones, make them not."""
        return bool(np.isfinite(self.products).all())

    def square(self, i: int) -> float:
        """Sum of squares of row ``i``, from 0."""
        return float(self.products[i + 1, i + 1])

    def cosine(self, i: int, j: int) -> float:
        """Of rows ``i`` and ``j``; NaN where one of them is 0."""
        return _ratio(self.products[1:, 1:], i, j)

    def correlation(self, i: int, j: int) -> float:
        """The cosine once means are taken off; NaN where a row is constant."""
        sums = self.products[0, 1:]
        if not self.finite:
            return np.nan
        centred = self.products[1:, 1:] - np.outer(sums, sums) / max(self.n, 1)
        flat = np.diag(centred) <= 1e-12 * np.diag(self.products)[1:]
        return np.nan if flat[[i, j]].any() else _ratio(centred, i, j)

    def constant(self, i: int) -> bool:
        """Whether row ``i`` is one number all over, to rounding."""
        total, square = self.products[0, i + 1], self.square(i)
        return bool(square - total**2 / max(self.n, 1) <= 1e-12 * square)


def _ratio(products: np.ndarray, i: int, j: int) -> float:
    one, two, both = (float(products[pair]) for pair in ((i, i), (j, j), (i, j)))
    size = math.sqrt(one) * math.sqrt(two)
    return both / size if size > 0 else math.nan


def sums_of(models: Sequence[Weights], name: str) -> Sums:
    """Sums of the tensor ``name`` of all models."""
    total = np.zeros((len(models) + 1,) * 2)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is counted later
        for pieces in zip(*(model.pieces(name) for model in models), strict=True):
            total += products(pieces)
    return Sums(total)


def products(rows: Sequence[np.ndarray]) -> np.ndarray:
    """(k + 1, k + 1) sums of products of rows (m,) and of 1."""
    m, k = len(rows[0]), len(rows)
    block = np.empty((k, min(BLOCK, m)))
    total = np.zeros((k + 1,) * 2)
    total[0, 0] = m
    for at in range(0, m, BLOCK):
        for into, row in zip(block, rows, strict=True):
            into[: min(BLOCK, m - at)] = row[at : at + BLOCK]
        part = block[:, : min(BLOCK, m - at)]
        total[0, 1:] += part.sum(axis=1)
        for i in range(k):  # of so few rows a product of matrices takes five times as long
            for j in range(i, k):
                total[i + 1, j + 1] += np.einsum("m,m->", part[i], part[j])
    return np.triu(total) + np.triu(total, 1).T


def not_finite(weights: Weights, name: str) -> int:
    """How many numbers of a tensor are NaN or infinite."""
    return sum(int((~_finite(piece)).sum()) for piece in weights.pieces(name))


def _finite(piece: np.ndarray) -> np.ndarray:
    return np.isfinite(piece if piece.dtype.kind == "f" else piece.astype(np.float32))


def by_neuron(weights: Sequence[Weights], name: str) -> Iterator[tuple[list[np.ndarray], int]]:
    """Pieces (m,) of all models in double precision that hold whole neurons, and their width."""
    shape = weights[0].specs[name].shape
    width = max(math.prod(shape[1:]), 1)
    size = width * max(PIECE // width, 1)
    for pieces in zip(*(model.pieces(name, size) for model in weights), strict=True):
        yield [piece.astype(np.float64) for piece in pieces], width


def moments(piece: np.ndarray, width: int) -> np.ndarray:
    """(neurons, 3) sums of x, x^2 and x^4 of every neuron: they know no order of its inputs."""
    rows = piece.reshape(-1, width)
    square = rows * rows
    return np.stack([rows.sum(1), square.sum(1), (square * square).sum(1)], axis=1)


def same_neurons(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether sums of neurons (neurons, 3) are the same ones, sorted."""
    if len(one) < 2 or not np.isfinite([one, two]).all():
        return False
    one, two = (part[np.argsort(part[:, 1], kind="stable")] for part in (one, two))
    sizes = np.sqrt(one[:, 1])[:, None]  # a sum of numbers of any sign is measured by their size
    scale = np.concatenate([sizes, sizes**2, sizes**4], axis=1)
    return bool((np.abs(one - two) <= SAME * scale).all())
