"""Tied tensors: the same numbers under two names, such as embeddings and the last layer."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from trueup.core.weights.view import Weights
from trueup.parameters.merging.sums import Sums


def tied_in_one(
    one: Weights, two: Weights, sums: dict[str, Sums], *, rows: tuple[int, int] = (0, 1)
) -> list[str]:
    """A sentence for each pair of tensors that is tied in one model and not in the other.

    Parameters
    ----------
    one, two
        The models.
    sums
        Tensor -> sums.
    rows
        Which rows of the sums are those of the models.
    """
    pairs = [tied(weights, sums, row) for row, weights in zip(rows, (one, two), strict=True)]
    return [
        f"'{a}' and '{b}' are tied in {first.source} alone: a merge would untie them."
        for first, own, other in ((one, *pairs), (two, *reversed(pairs)))
        for a, b in own
        if (a, b) not in other
    ]


def tied(weights: Weights, sums: dict[str, Sums], row: int) -> list[tuple[str, str]]:
    """Pairs of names whose numbers are the same; those that are one number all over do not count.

    Sums tell which may be, so that few files are read again.
    """
    alike: dict[tuple, list[str]] = {}
    for name, found in sums.items():
        if found.n > 1 and found.finite and not found.constant(row):
            key = (weights.specs[name], float(found.products[0, row + 1]), found.square(row))
            alike.setdefault(key, []).append(name)
    return [pair for names in alike.values() for pair in _chain(names) if _equal(weights, *pair)]


def _chain(names: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(names)) if len(names) > 3 else list(combinations(names, 2))


def _equal(weights: Weights, a: str, b: str) -> bool:
    pieces = zip(weights.pieces(a), weights.pieces(b), strict=True)
    return all(np.array_equal(x, y) for x, y in pieces)
