"""Scales of groups of weights: what levels are multiplied by, and how they are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trueup.core.weights.packings.codes import Codes, spread
from trueup.parameters.quantisation.grids import counts, levels_of, top_of


Granularity = str | int
"""``"tensor"``, ``"row"``, or columns of a group."""
SHRUNK = np.linspace(1.0, 0.2, 33)
"""Shares of the largest scale that are tried."""
LOPSIDED = ("uniform", "nf")
"""Grids whose levels below 0 are not those above."""
ROUNDS = 3
"""How often scales and codes of least squares are found in turn."""
AT_ONCE = 1 << 17
"""Weights that are looked at together: few enough for the cache of a processor."""


@dataclass(frozen=True, eq=False)
class Scales:
    """The levels of every weight of a matrix (out, d).

    Attributes
    ----------
    grid, bits
        What levels there are.
    scale
        (1 or out, groups) float32, numbers that the stored type has.
    offset
        The same, or None.
    width
        Columns of a group; 0 is all.
    by_row
        Whether every row has scales of its own.
    """

    grid: str
    bits: int
    scale: np.ndarray
    offset: np.ndarray | None = None
    width: int = 0
    by_row: bool = True

    @property
    def levels(self) -> np.ndarray:
        """(2^bits,) levels, rising."""
        return levels_of(self.grid, self.bits)

    def codes(self, matrix: np.ndarray) -> np.ndarray:
        """(out, d) the nearest codes."""
        d = matrix.shape[1]
        scale = spread(self.scale, d, self.width)
        offset = None if self.offset is None else spread(self.offset, d, self.width)
        return self.nearest(matrix, scale, offset)

    def nearest(
        self, weights: np.ndarray, scale: np.ndarray, offset: np.ndarray | None
    ) -> np.ndarray:
        """The codes nearest to ``weights``, of what broadcasts to their shape."""
        return nearest(self.grid, self.bits, ratio(weights, scale, offset))

    def values(self, codes: np.ndarray) -> np.ndarray:
        """(out, d) what codes stand for, float32."""
        return self.packed(codes, codes.shape).values()

    def packed(self, codes: np.ndarray, shape: tuple[int, ...]) -> Codes:
        """The tensor of a file."""
        levels = None if counts(self.grid) else self.levels
        offset = None if self.offset is None else short(self.offset)
        return Codes(shape, self.bits, codes, short(self.scale), offset, levels, self.width)

    def rows(self, rows: slice) -> Scales:
        """The scales of some rows."""
        if not self.by_row:
            return self
        offset = None if self.offset is None else self.offset[rows]
        return replace(self, scale=self.scale[rows], offset=offset)


def joined(parts: Sequence[Scales]) -> Scales:
    """Scales of rows one after another."""
    first = parts[0]
    if len(parts) == 1 or not first.by_row:
        return first
    offset = None
    if first.offset is not None:
        offset = np.concatenate([part.offset for part in parts if part.offset is not None])
    return replace(first, scale=np.concatenate([part.scale for part in parts]), offset=offset)


def nearest(grid: str, bits: int, ratios: np.ndarray) -> np.ndarray:
    """Codes, uint8, of the levels nearest to ``ratios``; between two the even one, or the lower."""
    levels = levels_of(grid, bits)
    if counts(grid):
        found = np.rint(ratios)
        found -= levels[0]
        np.clip(found, 0, 2**bits - 1, out=found)
        return found.astype(np.uint8)
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, ratios).astype(np.uint8)


def ratio(weights: np.ndarray, scale: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
    """Weights in units of their scale; 0 where that is 0."""
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
    return (weights if offset is None else weights - offset) * inverse


def short(numbers: np.ndarray) -> np.ndarray:
    """As float16 where that has them to three digits, else as float32."""
    size = np.abs(numbers[numbers != 0])
    fits = not size.size or (size.min() > 2.0**-14 and size.max() < 2.0**15)
    return numbers.astype(np.float16 if fits else np.float32)


def kept(numbers: np.ndarray) -> np.ndarray:
    """What a file keeps of numbers, float32."""
    return short(numbers).astype(np.float32)


def find_scales(
    matrix: np.ndarray,
    *,
    grid: str,
    bits: int,
    granularity: Granularity = "row",
    clip: bool = False,
    weight: np.ndarray | None = None,
) -> Scales:
    """Scales of a matrix (out, d).

    Parameters
    ----------
    clip
        Whether scales are those of least squares; else the largest weight of a group gets the
        highest level.
    weight
        (d,) how much squared errors of a column count; None is equally.
    """
    out, d = matrix.shape
    width = d if isinstance(granularity, str) else min(granularity, d)
    groups, share = _grouped(matrix, width, weight)
    if granularity == "tensor":
        groups = groups.reshape(1, 1, -1)
        share = np.broadcast_to(share, (out, 1, d)).reshape(1, 1, -1)
    scale, offset = _largest(groups, grid, bits)
    if clip:
        for rows in _rows(groups):
            part = share if share.shape[0] == 1 else share[rows]
            old = scale[rows], None if offset is None else offset[rows]
            scale[rows], new = _clipped(groups[rows], part, grid, bits, *old)
            if offset is not None:
                offset[rows] = new
    scale = kept(scale)
    offset = None if offset is None else kept(offset)
    return Scales(grid, bits, scale, offset, 0 if width == d else width, granularity != "tensor")


def _grouped(
    matrix: np.ndarray, width: int, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Groups (out, groups, width) and how much each weight counts (1, groups, width).

    A last group that is not full repeats its first column, which then counts nothing.
    """
    out, d = matrix.shape
    many = -(-d // width)
    columns = np.arange(many * width)
    share = np.ones(d, np.float32) if weight is None else weight.astype(np.float32)
    share = np.where(columns < d, share[np.minimum(columns, d - 1)], 0)
    columns[d:] = (many - 1) * width
    return matrix[:, columns].reshape(out, many, width), share.reshape(1, many, width)


def _rows(groups: np.ndarray) -> Iterator[slice]:
    step = max(1, AT_ONCE // groups[0].size)
    return (slice(at, at + step) for at in range(0, len(groups), step))


def _largest(groups: np.ndarray, grid: str, bits: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Scales (out, groups) at which nothing is cut off, and offsets."""
    top = np.float32(top_of(grid, bits))
    if grid == "asymmetric":
        low = groups.min(axis=2)
        return (groups.max(axis=2) - low) / top, low
    return np.abs(groups).max(axis=2) / top, None


def _clipped(groups, share, grid, bits, scale, offset):
    """Scales and offsets of least squares: of a few shares of ``scale``, then by turns."""
    best = np.full(scale.shape, np.inf, np.float32)
    found = (scale.copy(), None if offset is None else offset.copy())
    middle = None if offset is None else offset + scale * np.float32(top_of(grid, bits) / 2)
    # A negative scale puts the levels without a partner on the other side of 0.
    for sign in (1, -1) if grid in LOPSIDED else (1,):
        for part in SHRUNK:
            tried = scale * np.float32(sign * part)
            low = None if middle is None else middle - (middle - offset) * np.float32(part)
            _better(groups, share, grid, bits, (tried, low), best, found)
    for _ in range(ROUNDS):
        levels = levels_of(grid, bits)[_codes(groups, grid, bits, found)]
        solved = _solved(groups, share, levels, centred=offset is not None)
        _better(groups, share, grid, bits, solved, best, found)
    return found


def _codes(groups, grid, bits, pair):
    scale, offset = (None if part is None else part[..., None] for part in pair)
    return nearest(grid, bits, ratio(groups, scale, offset))


def _better(groups, share, grid, bits, pair, best, found) -> None:
    """Keep scales and offsets where their error is smaller, as the file will have them."""
    scale, offset = (None if part is None else kept(part) for part in pair)
    error = levels_of(grid, bits)[_codes(groups, grid, bits, (scale, offset))]
    error *= scale[..., None]
    if offset is not None:
        error += offset[..., None]
    error -= groups
    error *= error
    error *= share
    total = error.sum(axis=2)
    gain = total < best
    best[gain] = total[gain]
    found[0][gain] = scale[gain]
    if offset is not None:
        found[1][gain] = offset[gain]


def _solved(groups, share, levels, *, centred):
    """Scales, and offsets where ``centred``, of least squares for fixed levels."""
    if not centred:
        square = (share * levels * levels).sum(axis=2)
        product = (share * levels * groups).sum(axis=2)
        return np.divide(product, square, out=np.zeros_like(product), where=square > 0), None
    total = np.maximum(share.sum(axis=2), np.float32(1e-30))
    mean_l, mean_w = ((share * part).sum(axis=2) / total for part in (levels, groups))
    away = levels - mean_l[..., None]
    square = (share * away * away).sum(axis=2)
    product = (share * away * groups).sum(axis=2)
    scale = np.divide(product, square, out=np.zeros_like(product), where=square > 0)
    return scale, mean_w - scale * mean_l
