"""Grids of levels that codes stand for, before they are multiplied by a scale."""

from __future__ import annotations

from functools import cache

import numpy as np

from trueup.core.errors import UsageError


GRIDS = {"uniform": (2, 8), "asymmetric": (1, 8), "nf": (2, 8), "fp4": (4, 4),
         "power_of_two": (1, 6)}  # fmt: skip
"""Grid -> fewest and most bits."""


def check_grid(grid: str, bits: int) -> None:
    """Refuse a grid that there is not, and bits that it does not have."""
    if grid not in GRIDS:
        raise UsageError(
            "Quantise", f"grid is {grid!r}", do=f"Use one of {', '.join(map(repr, GRIDS))}"
        )
    fewest, most = GRIDS[grid]
    if not isinstance(bits, int) or not fewest <= bits <= most:
        raise UsageError(
            "Quantise", f"bits are {bits!r} on the grid {grid!r}", do=f"Pass {fewest} to {most}"
        )


@cache
def levels_of(grid: str, bits: int) -> np.ndarray:
    """(2^bits,) levels, rising.

    * ``"uniform"`` counts from -2^(bits - 1) up.
    * ``"asymmetric"`` counts from 0 up, and an offset is added.
    * ``"nf"`` are quantiles of a normal law, 0 among them (NormalFloat; with 4 bits NF4).
    * ``"fp4"`` has a sign, two bits of exponent and one of mantissa; 0 is there twice.
    * ``"power_of_two"`` are signs times 1, 1/2, 1/4, ..., without 0.

    Examples
    --------
    >>> levels_of("power_of_two", 2)
    array([-1. , -0.5,  0.5,  1. ], dtype=float32)
    >>> levels_of("nf", 2).round(2)
    array([-1.  ,  0.  ,  0.44,  1.  ], dtype=float32)
    """
    many = 2**bits
    if grid == "nf":
        return _normal_float(bits)
    if grid == "fp4":
        half = np.float32([0, 0.5, 1, 1.5, 2, 3, 4, 6])
        return np.concatenate([-half[::-1], half]) + np.float32(0)
    if grid == "power_of_two":
        half = 2.0 ** -np.arange(many // 2, dtype=np.float32)
        return np.concatenate([-half, half[::-1]])
    return np.arange(many, dtype=np.float32) - (many // 2 if grid == "uniform" else 0)


def top_of(grid: str, bits: int) -> float:
    """The level that the largest weight gets."""
    return float(levels_of(grid, bits)[-1])


def counts(grid: str) -> bool:
    """Whether levels are whole numbers one apart."""
    return grid in ("uniform", "asymmetric")


def _normal_float(bits: int) -> np.ndarray:
    """2^(bits - 1) quantiles below 0 and as many above, by their largest."""
    from scipy.special import ndtri

    half = 2 ** (bits - 1)
    end = 1 - (1 / (4 * half) + 1 / (4 * half - 2)) / 2
    above = ndtri(np.linspace(0.5, end, half + 1))
    below = -ndtri(np.linspace(0.5, end, half))[:0:-1]
    return (np.concatenate([below, above]) / above[-1]).astype(np.float32)
