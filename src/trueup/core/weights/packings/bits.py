"""Numbers of few bits, end to end."""

from __future__ import annotations

import numpy as np


def packed_bits(codes: np.ndarray, bits: int) -> np.ndarray:
    """(bytes,) the lowest ``bits`` of every code, one after another, least bit first.

    Examples
    --------
    >>> packed_bits(np.uint8([1, 2, 3, 0]), 2)
    array([57], dtype=uint8)
    >>> unpacked_bits(np.uint8([57]), 2, 4)
    array([1, 2, 3, 0], dtype=uint8)
    """
    flat = np.ascontiguousarray(codes, np.uint8).reshape(-1)
    if bits == 8:
        return flat
    if 8 % bits == 0:
        each = 8 // bits
        wide = np.zeros(-(-len(flat) // each) * each, np.uint8)
        wide[: len(flat)] = flat
        rows = wide.reshape(-1, each)
        found = rows[:, 0].copy()
        for place in range(1, each):
            found |= rows[:, place] << np.uint8(bits * place)
        return found
    each = np.unpackbits(flat[:, None], axis=1, count=bits, bitorder="little")
    return np.packbits(each.reshape(-1), bitorder="little")


def unpacked_bits(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    """(count,) codes of ``packed_bits``."""
    if packed.shape != (wanted := -(-count * bits // 8),):
        raise ValueError(f"{count} codes of {bits} bits need {wanted} bytes; got {packed.shape}")
    if bits == 8:
        return packed[:count]
    if 8 % bits == 0:
        places = np.arange(0, 8, bits, dtype=np.uint8)
        codes = (packed[:, None] >> places) & np.uint8(2**bits - 1)
        return codes.reshape(-1)[:count]
    each = np.unpackbits(packed, count=count * bits, bitorder="little").reshape(count, bits)
    return np.packbits(each, axis=1, bitorder="little")[:, 0]
