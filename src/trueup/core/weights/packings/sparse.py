"""A tensor as the values that are not 0, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from trueup.core.weights.packed import AbstractPacked
from trueup.core.weights.packings.bits import packed_bits, unpacked_bits


@dataclass(frozen=True, eq=False)
class Sparse(AbstractPacked):
    """A tensor as a bit a place and the kept values in order.

    Parameters
    ----------
    shape
        Of the tensor.
    kept
        (size,) which places hold a value.
    numbers
        (kept places,) the values, of any type of real numbers.
    """

    shape: tuple[int, ...]
    kept: np.ndarray
    numbers: np.ndarray

    kind = "sparse"

    @classmethod
    def dense(cls, values: np.ndarray) -> Sparse:
        """Of a tensor with zeros."""
        kept = values.reshape(-1) != 0
        return cls(values.shape, kept, values.reshape(-1)[kept])

    def values(self) -> np.ndarray:
        """The tensor, float32."""
        found = np.zeros(self.kept.size, np.float32)
        found[self.kept] = self.numbers
        return found.reshape(self.shape)

    def parts(self) -> dict[str, np.ndarray]:
        """A bit a place, and the values."""
        return {"kept": packed_bits(self.kept, 1), "numbers": self.numbers}

    def facts(self) -> dict[str, Any]:
        """None."""
        return {}

    @classmethod
    def of(cls, shape: tuple[int, ...], parts: Mapping[str, np.ndarray], facts: dict) -> Sparse:
        """The tensor of a file."""
        kept = unpacked_bits(parts["kept"], 1, prod(shape)).astype(bool)
        return cls(shape, kept, parts["numbers"])
