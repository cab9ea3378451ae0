r"""A matrix as codes of few bits: :math:`w = s\, l_c + o`, with a scale s a group of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from trueup.core.weights.packed import AbstractPacked
from trueup.core.weights.packings.bits import packed_bits, unpacked_bits


@dataclass(frozen=True, eq=False)
class Codes(AbstractPacked):
    """A tensor (out, ...) as rows (out, d) of codes.

    Parameters
    ----------
    shape
        Of the tensor; the first axis are rows, all others columns.
    bits
        Of a code, 1 to 8.
    codes
        (out, d) uint8, below 2^bits.
    scale
        (1 or out, groups) what levels are multiplied by, for groups of columns of equal width.
    offset
        (1 or out, groups) what is added; None is nothing.
    levels
        (2^bits,) what codes stand for; None counts from -2^(bits - 1) up, or from 0 with an offset.
    width
        Columns of a group; 0 is all.
    """

    shape: tuple[int, ...]
    bits: int
    codes: np.ndarray
    scale: np.ndarray
    offset: np.ndarray | None = None
    levels: np.ndarray | None = None
    width: int = 0

    kind = "codes"

    def values(self) -> np.ndarray:
        """The tensor, float32."""
        d = self.codes.shape[1]
        levels = self.levels
        if levels is None:
            half = 0 if self.offset is not None else 2 ** (self.bits - 1)
            levels = np.arange(2**self.bits, dtype=np.float32) - half
        found = levels.astype(np.float32)[self.codes]
        found *= spread(self.scale, d, self.width)
        if self.offset is not None:
            found += spread(self.offset, d, self.width)
        return found.reshape(self.shape)

    def parts(self) -> dict[str, np.ndarray]:
        """Packed codes, scales, and what else there is."""
        found = {"codes": packed_bits(self.codes, self.bits), "scale": self.scale}
        if self.offset is not None:
            found["offset"] = self.offset
        if self.levels is not None:
            found["levels"] = self.levels
        return found

    def facts(self) -> dict[str, Any]:
        """Bits of a code, columns of a group, and columns of all."""
        return {"bits": self.bits, "width": self.width, "columns": self.codes.shape[1]}

    @classmethod
    def of(cls, shape: tuple[int, ...], parts: Mapping[str, np.ndarray], facts: dict) -> Codes:
        """The tensor of a file."""
        bits, d, rows = int(facts["bits"]), int(facts["columns"]), shape[0]
        if rows * d != prod(shape) or not 1 <= bits <= 8:
            raise ValueError(f"{rows} rows of {d} codes of {bits} bits for a tensor {shape}")
        codes = unpacked_bits(parts["codes"], bits, rows * d).reshape(rows, d)
        return cls(shape, bits, codes, parts["scale"], parts.get("offset"), parts.get("levels"),
                   int(facts["width"]))  # fmt: skip


def spread(of_groups: np.ndarray, d: int, width: int) -> np.ndarray:
    """(rows, d) or what broadcasts to it, from numbers a group (rows, groups)."""
    found = of_groups.astype(np.float32)
    return np.repeat(found, width or d, axis=1)[:, :d] if found.shape[1] > 1 else found
