"""A matrix as the product of two thin ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from trueup.core.weights.packed import AbstractPacked


@dataclass(frozen=True, eq=False)
class LowRank(AbstractPacked):
    """A tensor (out, ...) as ``left @ right``.

    Parameters
    ----------
    shape
        Of the tensor; the first axis are rows, all others columns.
    left, right
        (out, r) and (r, d), of any type of real numbers.
    """

    shape: tuple[int, ...]
    left: np.ndarray
    right: np.ndarray

    kind = "low rank"

    def values(self) -> np.ndarray:
        """The tensor, float32."""
        return (self.left.astype(np.float32) @ self.right.astype(np.float32)).reshape(self.shape)

    def parts(self) -> dict[str, np.ndarray]:
        """Both factors."""
        return {"left": self.left, "right": self.right}

    def facts(self) -> dict[str, Any]:
        """None."""
        return {}

    @classmethod
    def of(cls, shape: tuple[int, ...], parts: Mapping[str, np.ndarray], facts: dict) -> LowRank:
        """The tensor of a file."""
        left, right = parts["left"], parts["right"]
        if (len(left), right.shape[1]) != (shape[0], prod(shape[1:])):
            raise ValueError(f"factors {left.shape} and {right.shape} for a tensor {shape}")
        return cls(shape, left, right)
