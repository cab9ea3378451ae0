r"""A matrix whose columns were turned before it was packed: :math:`W = P Q'`, P packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trueup.core.weights.packed import AbstractPacked, kind_of
from trueup.core.weights.packings.hadamard import mixed


@dataclass(frozen=True, eq=False)
class Turn:
    """An orthogonal Q (d, d): a basis if there is one, then signs and a Hadamard mix.

    Parameters
    ----------
    signs
        (d,) bool, which numbers change their sign before they are mixed.
    basis
        (d, d) orthogonal, or None for none.
    """

    signs: np.ndarray
    basis: np.ndarray | None = None

    def apply(self, matrix: np.ndarray) -> np.ndarray:
        """(n, d) rows times Q."""
        turned = matrix if self.basis is None else matrix @ self.basis
        return mixed(np.where(self.signs, -turned, turned))

    def undo(self, matrix: np.ndarray) -> np.ndarray:
        """(n, d) rows times Q'."""
        back = mixed(matrix)
        back = np.where(self.signs, -back, back)
        return back if self.basis is None else back @ self.basis.T

    def of_gram(self, gram: np.ndarray) -> np.ndarray:
        """(d, d) Q' H Q: the Gram matrix of inputs that were turned."""
        half = self.apply(np.ascontiguousarray(gram, np.float64))
        return self.apply(np.ascontiguousarray(half.T))

    def packed(self, inner: AbstractPacked) -> Rotated:
        """The tensor whose turned form was packed."""
        return Rotated(inner.shape, inner, self)


@dataclass(frozen=True, eq=False)
class Rotated(AbstractPacked):
    """A tensor (out, ...) of which W Q is packed.

    Parameters
    ----------
    shape
        Of the tensor; the first axis are rows, all others columns.
    inner
        W Q, packed.
    turn
        Q.
    """

    shape: tuple[int, ...]
    inner: AbstractPacked
    turn: Turn

    kind = "rotated"

    def values(self) -> np.ndarray:
        """The tensor, float32."""
        turned = self.inner.values().reshape(self.shape[0], -1)
        return np.ascontiguousarray(self.turn.undo(turned), np.float32).reshape(self.shape)

    def parts(self) -> dict[str, np.ndarray]:
        """Those of W Q, a bit a sign, and the basis."""
        found = {f"inner.{name}": part for name, part in self.inner.parts().items()}
        found["signs"] = np.packbits(self.turn.signs, bitorder="little")
        return found if self.turn.basis is None else {**found, "basis": self.turn.basis}

    def facts(self) -> dict[str, Any]:
        """Kind and facts of W Q."""
        return {"kind": self.inner.kind, "facts": self.inner.facts()}

    @classmethod
    def of(cls, shape: tuple[int, ...], parts: Mapping[str, np.ndarray], facts: dict) -> Rotated:
        """The tensor of a file."""
        own = {name.removeprefix("inner."): part for name, part in parts.items()
               if name.startswith("inner.")}  # fmt: skip
        inner = kind_of(facts["kind"]).of(shape, own, facts["facts"])
        d = int(np.prod(shape[1:]))
        signs = np.unpackbits(parts["signs"], count=d, bitorder="little").astype(bool)
        return cls(shape, inner, Turn(signs, parts.get("basis")))
