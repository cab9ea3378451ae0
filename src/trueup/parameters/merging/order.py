"""Exact order statistics of numbers that are read a piece at a time, without a sort.

Floating-point numbers stand in the order of their bits. A first pass counts numbers by their
leading 16 bits, the next ones count those that share them by the 16 bits that follow; two passes
find any rank of single precision, four of double. Memory is that of a piece and the counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trueup.parameters.merging.stack import Piece, Stack


Of = Callable[[Piece], np.ndarray]
"""Numbers (k, m) of a piece, to be ranked for each model by itself."""

SINGLE = np.dtype(np.float32)
DIGIT = 16
"""Bits that a pass looks at."""


def magnitudes(piece: Piece) -> np.ndarray:
    """Magnitudes of the differences, (k, m)."""
    return np.abs(piece.models)


def ranked(stack: Stack, ranks: Sequence[int], *, of: Of = magnitudes) -> np.ndarray:
    """The numbers that stand at ``ranks`` of each model, largest first.

    Parameters
    ----------
    stack
        What is ranked together.
    ranks
        1 is the largest, ``stack.size`` the smallest.
    of
        What is ranked, without NaN.

    Returns
    -------
    numpy.ndarray
        (k, len(ranks)), numbers that are there.
    """
    dtype = stack.dtype
    bits = 8 * dtype.itemsize
    left = np.tile(np.asarray(ranks, dtype=np.int64), (stack.k, 1))
    prefix = np.zeros(left.shape, np.uint64)
    for shift in range(bits - DIGIT, -1, -DIGIT):
        counts = _counts(stack, of, dtype, shift, None if shift == bits - DIGIT else prefix)
        for i, j in np.ndindex(*left.shape):
            above = np.cumsum(
                counts[i, min(j, counts.shape[1] - 1), ::-1]
            )  # how many are in this digit or a higher one
            at = int(np.searchsorted(above, left[i, j]))
            left[i, j] -= above[at - 1] if at else 0
            prefix[i, j] = (prefix[i, j] << DIGIT) | ((1 << DIGIT) - 1 - at)
    return _numbers(prefix, dtype)


def counted(stack: Stack, *, of: Of = magnitudes) -> np.ndarray:
    """How many numbers (k, 2^16) of each model have the same leading bits, smallest first.

    Of single precision: sign, exponent and 7 bits of the fraction, so that numbers that are counted
    together differ by less than 1 %.
    """
    return _counts(stack, of, SINGLE, 8 * SINGLE.itemsize - DIGIT, None)[:, 0]


def leading(values: np.ndarray) -> np.ndarray:
    """Where ``values`` are counted by ``counted``."""
    return _keys(values, SINGLE) >> (8 * SINGLE.itemsize - DIGIT)


def _counts(
    stack: Stack, of: Of, dtype: np.dtype, shift: int, prefix: np.ndarray | None
) -> np.ndarray:
    """Counts of a digit, of all numbers (k, 1, ..), or of those that begin as (k, r) ``prefix``."""
    many = 1 if prefix is None else prefix.shape[1]
    found = np.zeros((stack.k, many, 1 << DIGIT), np.int64)
    for piece in stack.pieces():
        for i, row in enumerate(of(piece)):
            digits = _keys(row, dtype) >> shift
            if prefix is None:
                found[i, 0] += _times(digits)
                continue
            above = digits >> DIGIT
            for j in range(many):
                same = digits[above == prefix[i, j].astype(digits.dtype)]
                found[i, j] += _times(same & ((1 << DIGIT) - 1))
    return found


def _times(digits: np.ndarray) -> np.ndarray:
    return np.bincount(digits.astype(np.intp, copy=False), minlength=1 << DIGIT)


def _keys(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Whole numbers without a sign that stand in the order of ``values``."""
    with np.errstate(over="ignore"):  # of double in single precision: infinite is largest, too
        values = np.ascontiguousarray(values, dtype)
    signed = values.view(f"i{dtype.itemsize}")
    top = 8 * dtype.itemsize - 1
    turned = signed >> top  # -1 of negative numbers, whose bits stand in the reverse order
    turned |= np.array(-1 << top, signed.dtype)
    return (signed ^ turned).view(f"u{dtype.itemsize}")


def _numbers(keys: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The numbers whose keys these are."""
    top = 8 * dtype.itemsize - 1
    found = keys.astype(f"u{dtype.itemsize}")
    sign = np.array(1 << top, found.dtype)
    bits = np.where(found & sign, found ^ sign, ~found)
    return bits.view(dtype)
