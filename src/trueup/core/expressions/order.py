"""Nodes that compare the columns of a row: in order, and how much is at least as large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import Unwritable
from trueup.core.expressions.nodes import Expr, Linear, OfOne


PAIRS_SQL = 20
"""Columns up to which SQL compares them in pairs."""


@dataclass(frozen=True, eq=False)
class Sorted(OfOne):
    """The columns of ``x``, the smallest first in every row."""

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        return np.sort(parts[0], axis=1)

    def sql(self, *parts: list[str]) -> list[str]:
        # The words of DuckDB; other engines have their own in trueup.adapters.sql.
        return [f"list_sort([{', '.join(parts[0])}])[{j + 1}]" for j in range(self.width)]


@dataclass(frozen=True, eq=False)
class Above(OfOne):
    """For every column of ``x`` the sum of all that are at least as large, itself among them.

    With ``count`` how many they are: its rank from above, the last one among equals.
    """

    count: bool = False

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        x, out = parts[0], np.empty(parts[0].shape)
        for j in range(x.shape[1]):
            above = x >= x[:, j : j + 1]
            out[:, j] = above.sum(axis=1) if self.count else np.where(above, x, 0.0).sum(axis=1)
        return out

    def sql(self, *parts: list[str]) -> list[str]:
        if self.width > PAIRS_SQL:
            raise Unwritable(
                "export to sql",
                f"there is no way to write scores by rank of {self.width} classes",
                why="it compares them in pairs",
                do=f"Use score='lac', {PAIRS_SQL} classes at most, or another format",
            )
        return [
            " + ".join(
                f"CASE WHEN {x} >= {own} THEN {'1e0' if self.count else x} ELSE 0e0 END"
                for x in parts[0]
            )
            for own in parts[0]
        ]


def mean_over(x: Expr) -> Expr:
    """The mean over the columns of ``x``."""
    return Linear(x, np.full((1, x.width), 1.0 / x.width), np.zeros(1))
