"""A node that puts the columns of a row in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.expressions.nodes import Expr, Linear, OfOne


@dataclass(frozen=True, eq=False)
class Sorted(OfOne):
    """The columns of ``x``, the smallest first in every row."""

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        return np.sort(parts[0], axis=1)

    def sql(self, *parts: list[str]) -> list[str]:
        # The words of DuckDB; other engines have their own in trueup.adapters.sql.
        return [f"list_sort([{', '.join(parts[0])}])[{j + 1}]" for j in range(self.width)]


def mean_over(x: Expr) -> Expr:
    """The mean over the columns of ``x``."""
    return Linear(x, np.full((1, x.width), 1.0 / x.width), np.zeros(1))
