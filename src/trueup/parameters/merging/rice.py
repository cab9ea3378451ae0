"""Positions and signs in few bits: Rice's code of gaps.

A gap g is g >> b zeros and a one, then the last b bits of g. Where numbers stay by chance, gaps are
geometric, and with the right b this takes no more than .03 bits a gap above what is possible. All
counts of zeros come first, then all last bits, then all signs: each part is read at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError


GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class Code:
    """Positions and signs, coded.

    Attributes
    ----------
    data
        Bytes (m,) of the counts, of the last bits, and of the signs.
    count
        How many positions.
    bits
        b, how many last bits of a gap are written as they are.
    counts
        Bytes of the first part.
    """

    data: np.ndarray
    count: int
    bits: int
    counts: int

    @property
    def row(self) -> tuple[int, int, int]:
        """What must be known beside the data."""
        return self.count, self.bits, self.counts

    def decoded(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n,), rising, and signs (n,), -1 or 1."""
        last = -(-self.count * self.bits // 8)
        counts, rest, ups = np.split(self.data, [self.counts, self.counts + last])
        ends = np.flatnonzero(np.unpackbits(counts))
        if len(ends) != self.count or 8 * len(ups) < self.count:
            raise EvidenceError(
                "open_ternary",
                f"a code has {len(ends)} positions, {self.count} are announced",
                do="Fetch the file again",
            )
        high = np.diff(ends, prepend=-1) - 1
        table = np.unpackbits(rest, count=self.count * self.bits).reshape(self.count, self.bits)
        gaps = high << self.bits
        for j in range(self.bits):
            gaps |= table[:, j].astype(np.int64) << j
        signs = np.unpackbits(ups, count=self.count).astype(np.int8) * 2 - 1
        return np.cumsum(gaps + 1) - 1, signs


def encoded(places: np.ndarray, ups: np.ndarray, density: float) -> Code:
    """The code of rising positions (n,) and of whether each goes up.

    Examples
    --------
    >>> code = encoded(np.array([1, 5, 6]), np.array([True, False, True]), 0.3)
    >>> code.decoded()
    (array([1, 5, 6]), array([ 1, -1,  1], dtype=int8))
    """
    bits = last_bits(density)
    gaps = np.diff(places, prepend=-1) - 1
    ends = np.cumsum((gaps >> bits) + 1) - 1
    counts = np.zeros(int(ends[-1]) + 1 if len(ends) else 0, np.uint8)
    counts[ends] = 1
    table = ((gaps[:, None] >> np.arange(bits)) & 1).astype(np.uint8)
    parts = [np.packbits(part) for part in (counts, table.ravel(), ups)]
    return Code(np.concatenate(parts), len(places), bits, len(parts[0]))


def last_bits(density: float) -> int:
    """The b that makes the mean length of a code least, for gaps of this density (Kiely 2004).

    Examples
    --------
    >>> [last_bits(density) for density in (0.5, 0.2, 0.05, 0.01)]
    [0, 2, 4, 6]
    """
    if density >= GOLDEN:
        return 0
    return max(int(np.floor(np.log2(np.log(GOLDEN) / np.log1p(-density)))) + 1, 0)
