"""The same tensors of several models, side by side, a piece at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Philox

from trueup.core.weights.types import wide
from trueup.core.weights.view import PIECE, Weights


DRAWN = 8
"""Random numbers of 32 bits that come at once."""


@dataclass(frozen=True)
class Piece:
    """A part of a tensor of all models.

    Attributes
    ----------
    name, start
        The tensor, and its first number.
    models
        (k, m) its numbers in every model; of task vectors what the base is away from them.
    base
        (m,) those of the base, None where there is none.
    """

    name: str
    start: int
    models: np.ndarray
    base: np.ndarray | None = None


@dataclass(frozen=True)
class Stack:
    """Tensors of k models, of the same names and shapes.

    Attributes
    ----------
    models
        The k models.
    names
        Which tensors: one, or all that are judged together.
    base
        What the models were made from; then pieces hold differences from it.
    shares
        (k,) weights of the models, which sum to 1.
    seed
        Of all random choices.
    """

    models: tuple[Weights, ...]
    names: tuple[str, ...]
    base: Weights | None = None
    shares: np.ndarray = field(default_factory=lambda: np.zeros(0))
    seed: int = 0

    @property
    def k(self) -> int:
        """How many models there are."""
        return len(self.models)

    @property
    def size(self) -> int:
        """Numbers of a model in these tensors."""
        return sum(self.models[0].specs[name].size for name in self.names)

    def only(self, name: str) -> Stack:
        """The tensor ``name`` alone."""
        return Stack(self.models, (name,), self.base, self.shares, self.seed)

    def pieces(self) -> Iterator[Piece]:
        """All tensors, a piece at a time; may be asked for again and again."""
        for name in self.names:
            for start in range(0, self.models[0].specs[name].size, PIECE):
                yield self.piece(name, start)

    def piece(self, name: str, start: int) -> Piece:
        """The piece of a tensor that begins at ``start``, a multiple of ``PIECE``."""
        spec = self.models[0].specs[name]
        stop = min(start + PIECE, spec.size)
        dtype = self.only(name).dtype
        found = np.empty((self.k, stop - start), dtype)
        for row, weights in zip(found, self.models, strict=True):
            row[:] = weights.read(name, start, stop)
        if self.base is None:
            return Piece(name, start, found)
        base = self.base.read(name, start, stop).astype(dtype, copy=False)
        found -= base
        return Piece(name, start, found, base)

    @property
    def dtype(self) -> np.dtype:
        """The type that holds the numbers of all these tensors."""
        every = (*self.models, self.base) if self.base else self.models
        types = {weights.specs[name].type for weights in every for name in self.names}
        return np.result_type(*map(wide, types)) if types else np.dtype(np.float32)

    def draws(self, piece: Piece, model: int) -> np.ndarray:
        """Random numbers (m,) from 0 to 2^32 - 1, by seed, model, tensor and place alone.

        They are the same in every run, for every order of tensors, and however tensors are cut.
        """
        text = f"{self.seed} {model} {piece.name}"
        key = np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], "<u8")
        first = piece.start // DRAWN
        stop = piece.start + piece.models.shape[1]
        source = Philox(key=key, counter=[first, 0, 0, 0])
        found = source.random_raw(4 * (-(-stop // DRAWN) - first)).astype("<u8", copy=False)
        return found.view("<u4")[piece.start - first * DRAWN : stop - first * DRAWN]
