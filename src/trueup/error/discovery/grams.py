"""Sums that every regression needs, by block of windows and band of waves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from trueup.error.discovery.mesh import Mesh
from trueup.error.discovery.weak import functions, integrals


BLOCKS = 200
"""Most blocks of windows that are kept apart, for intervals and held-out checks."""
INNER = 0.75
"""Share of the kept waves that are rows: faster ones lack products with lost ones."""


LEAST = 4
"""Modes that are rows at least."""
STRETCHES = 6
"""Stretches of a dimension, of a mesh that is not periodic everywhere, that are weighed apart."""
SHORT = 8
"""Points that such a stretch has at least."""


@dataclass(frozen=True, eq=False)
class Grams:
    """Sums of products of columns X and target y: all that least squares asks of any many rows.

    Attributes
    ----------
    xx, xy, yy
        (blocks, bands, p, p), (blocks, bands, p), (blocks, bands) sums over rows.
    rows
        (bands,) rows behind every block, on average.
    """

    xx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray, target: np.ndarray, bands: np.ndarray) -> Grams:
        """Sums of ``columns`` (p, n, rows) and ``target`` (n, rows), a block a window.

        ``bands`` (rows,) says which band a row of a window belongs to.
        """
        p, n = columns.shape[:2]
        many = int(bands.max()) + 1
        xx, xy = np.zeros((n, many, p, p)), np.zeros((n, many, p))
        yy = np.zeros((n, many))
        for band in range(many):
            x = columns[:, :, bands == band].transpose(1, 0, 2)
            y = target[:, bands == band]
            xx[:, band] = x @ x.transpose(0, 2, 1)
            xy[:, band] = (x @ y[:, :, None])[..., 0]
            yy[:, band] = (y * y).sum(axis=1)
        return cls(xx, xy, yy, np.bincount(bands, minlength=many).astype(float))

    @classmethod
    def joined(cls, parts: Iterable[Grams], windows: int | None = None) -> Grams:
        """Blocks of all ``parts``, neighbours put together where there are too many.

        With the number of ``windows`` of all parts told, no more than one part is held.
        """
        if windows is None:
            parts = list(parts)
            windows = sum(part.blocks for part in parts)
        return cls.merged(placed(parts, windows), windows)

    @classmethod
    def merged(cls, pieces: Iterable[tuple[int, Grams]], windows: int) -> Grams:
        """Blocks of all ``pieces``, each with the number of its first block."""
        blocks = min(windows, BLOCKS)
        sums: list[np.ndarray] = []
        for at, piece in pieces:
            arrays = (piece.xx, piece.xy, piece.yy)
            sums = sums or [np.zeros((blocks, *a.shape[1:])) for a in arrays]
            for whole, part in zip(sums, arrays, strict=True):
                whole[at : at + len(part)] += part
            rows = piece.rows
        return cls(*sums, rows * (windows / blocks))

    def piece(self, first: int, windows: int) -> tuple[int, Grams]:
        """Its windows, from the ``first`` on of so many ``windows``, in the blocks of the whole."""
        edges = np.arange(min(windows, BLOCKS)) * windows // min(windows, BLOCKS)
        block = np.searchsorted(edges, first + np.arange(self.blocks), side="right") - 1
        starts = np.flatnonzero(np.diff(block, prepend=-1))
        sums = (np.add.reduceat(a, starts, axis=0) for a in (self.xx, self.xy, self.yy))
        return int(block[0]), Grams(*sums, self.rows)

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.yy)

    def weighed(self, weights: np.ndarray) -> Grams:
        """One band, the sum of all by ``weights`` (bands,)."""
        return Grams(
            np.einsum("k,bkij->bij", weights, self.xx, optimize=True)[:, None],
            np.einsum("k,bki->bi", weights, self.xy)[:, None],
            (self.yy @ weights)[:, None],
            np.array([self.rows.sum()]),
        )

    def total(self, counts: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums of xx, xy, yy over bands, blocks counted ``counts`` (draws, blocks) times.

        Without counts every block once, and no draws in front.
        """
        xx, xy, yy = self.xx.sum(axis=1), self.xy.sum(axis=1), self.yy.sum(axis=1)
        if counts is None:
            return xx.sum(axis=0), xy.sum(axis=0), yy.sum()
        flat = counts @ xx.reshape(len(xx), -1)
        return flat.reshape(len(counts), *xx.shape[1:]), counts @ xy, counts @ yy

    def left(self, coefficients: np.ndarray) -> np.ndarray:
        """Squares (blocks, bands) that ``coefficients`` (p,) leave unexplained."""
        fit = np.einsum("bkij,j->bki", self.xx, coefficients)
        return np.maximum(self.yy + np.einsum("bki,i->bk", fit - 2 * self.xy, coefficients), 0.0)

    def only(self, index) -> Grams:
        """The columns of ``index``."""
        index = np.asarray(index, dtype=int)
        return Grams(self.xx[:, :, index[:, None], index], self.xy[:, :, index], self.yy, self.rows)

    def mapped(self, basis: np.ndarray) -> Grams:
        """The columns ``X @ basis``, with ``basis`` (p, q)."""
        return Grams(basis.T @ self.xx @ basis, self.xy @ basis, self.yy, self.rows)


def placed(parts: Iterable[Grams], windows: int) -> Iterator[tuple[int, Grams]]:
    """The pieces of ``parts`` that follow each other."""
    first = 0
    for part in parts:
        yield part.piece(first, windows)
        first += part.blocks


def covering(pieces: list[tuple[int, Grams]]) -> tuple[int, Grams]:
    """One piece that is the sum of ``pieces``."""
    first = min(at for at, _ in pieces)
    last = max(at + piece.blocks for at, piece in pieces)
    moved = [(at - first, piece) for at, piece in pieces]
    whole = Grams.merged(moved, last - first)
    return first, replace(whole, rows=pieces[0][1].rows)


def projection(
    mesh: Mesh | None, shape: tuple[int, ...], cutoff: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """How fields (components, *mesh) become rows: see ``rows``.

    Returns
    -------
    keep
        Modes or points that are rows.
    bands
        (rows,) band of each: the component, and on periodic meshes the octave of its wavenumber,
        on others the part of the mesh.
    bands_a_component
        How many bands a component has.
    """
    components, space = shape[0], shape[1:]
    if mesh is None:
        return np.ones(1, dtype=bool), np.arange(components), 1
    if mesh.method == "weak":
        many = int(np.prod([len(tests) for tests in functions(mesh, space)]))
        return np.ones(1, dtype=bool), np.repeat(np.arange(components), many), 1
    if not mesh.spectral:
        return _parted(mesh, components, space)
    lengths = mesh.lengths(space)
    # A field of one or two waves would be left with its mean alone.
    keep = lengths <= max(cutoff, float(np.sort(lengths, axis=None)[:LEAST][-1]))
    tops = np.quantile(lengths[keep], np.linspace(0, 1, 13)[1:-1])
    band = np.digitize(lengths[keep], np.unique(tops))
    many = int(band.max()) + 1
    one = np.concatenate([band, band])
    return keep, (np.arange(components)[:, None] * many + one).ravel(), many


def _parted(
    mesh: Mesh, components: int, space: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, int]:
    """``projection`` to points, a band a part of the mesh: errors differ from place to place."""
    edges = [0 if ends else mesh.edge for ends in mesh.periodic]
    sides = [n - 2 * edge for n, edge in zip(space, edges, strict=True)]
    part = np.zeros([1] * len(sides), dtype=int)
    for place, side in enumerate(sides):
        many = min(max(side // SHORT, 1), STRETCHES)
        where = np.arange(max(side, 0)) * many // max(side, 1)
        part = part * many + where.reshape([-1 if d == place else 1 for d in range(len(sides))])
    keep = np.zeros(space, dtype=bool)
    keep[tuple(slice(edge, n - edge) for n, edge in zip(space, edges, strict=True))] = True
    each = int(part.max(initial=0)) + 1
    bands = np.arange(components)[:, None] * each + part.ravel()
    return keep, bands.ravel(), each


def rows(fields: np.ndarray, mesh: Mesh | None, keep: np.ndarray) -> np.ndarray:
    """Rows (n, rows) of ``fields`` (n, components, *mesh): Fourier modes, points, or numbers.

    On a periodic mesh real and imaginary parts of the modes, so that sums of squares are those of
    the filtered field.
    """
    n, components = fields.shape[:2]
    if mesh is None:
        return fields.reshape(n, components)
    if mesh.method == "weak":
        return integrals(fields, mesh)
    if not mesh.spectral:
        return fields[..., keep].reshape(n, -1)
    space = fields.shape[2:]
    modes = mesh.forward(fields)[..., keep]
    twice = np.full(keep.shape, np.sqrt(2.0))
    twice[..., 0] = 1.0
    if space[-1] % 2 == 0:
        twice[..., -1] = 1.0
    modes *= twice[keep] / np.prod(space)
    return np.concatenate([modes.real, modes.imag], axis=-1).reshape(n, -1)
