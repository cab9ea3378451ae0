"""Values of the axis sparsify: which differences from the base stay, and by what they grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import UsageError
from trueup.parameters.merging.order import counted, leading, ranked
from trueup.parameters.merging.rule import AbstractSparsifier, Thin, known_scope, share
from trueup.parameters.merging.stack import Piece, Stack


def count_of(part: float, size: int) -> int:
    """How many of ``size`` numbers a share is: the nearest whole number, 1 at least."""
    return min(max(round(part * size), 1), size) if size else 0


@dataclass(frozen=True)
class Top(AbstractSparsifier):
    """The largest differences stay, the rest are 0.

    What is as large as the smallest that stays, stays too.

    Parameters
    ----------
    density
        Share that stays, in (0, 1].
    scope
        Ranked within a ``"tensor"``, or within the ``"model"``.
    """

    density: float = 0.2
    scope: str = "tensor"

    def __post_init__(self) -> None:
        share("Top", "density", self.density)
        known_scope("Top", self.scope)

    def ready(self, stack: Stack) -> Thin:
        least = _at(stack, count_of(self.density, stack.size))

        def thin(piece: Piece) -> np.ndarray:
            for row, low in zip(piece.models, least, strict=True):
                row *= np.abs(row) >= low
            return piece.models

        return thin


@dataclass(frozen=True)
class Bands(AbstractSparsifier):
    """The largest and the smallest differences are 0, what lies between stays.

    Parameters
    ----------
    smallest, largest
        Shares that are left out, in [0, 1), below 1 together.
    scope
        Ranked within a ``"tensor"``, or within the ``"model"``.
    """

    smallest: float = 0.85
    largest: float = 0.01
    scope: str = "tensor"

    def __post_init__(self) -> None:
        share("Bands", "smallest", self.smallest, zero=True)
        share("Bands", "largest", self.largest, zero=True)
        share("Bands", "the share that is left out", self.smallest + self.largest, zero=True)
        known_scope("Bands", self.scope)

    def ready(self, stack: Stack) -> Thin:
        n = stack.size
        out = min(round(self.largest * n), max(n - 1, 0))
        last = max(n - round(self.smallest * n), out + 1)
        found = ranked(stack, (out + 1, last)) if n else np.zeros((stack.k, 2))

        def thin(piece: Piece) -> np.ndarray:
            for row, (high, low) in zip(piece.models, found, strict=True):
                size = np.abs(row)
                row *= (size >= low) & (size <= high)
            return piece.models

        return thin


@dataclass(frozen=True)
class Drop(AbstractSparsifier):
    """Differences are dropped by chance, the others grow by 1 / q.

    With q = 1 - rate the mean over chance is the difference itself.

    Parameters
    ----------
    rate
        Chance to be dropped, in [0, 1).
    q
        What the others are divided by, in (0, 1]; None is 1 - rate. Or tensor -> q.
    """

    rate: float = 0.9
    q: float | dict[str, float] | None = None

    def __post_init__(self) -> None:
        share("Drop", "rate", self.rate, zero=True)
        for value in self.q.values() if isinstance(self.q, dict) else [self._q("")]:
            share("Drop", "q", value)

    def ready(self, stack: Stack) -> Thin:
        most = round(self.rate * 2**32)

        def thin(piece: Piece) -> np.ndarray:
            grow = piece.models.dtype.type(1 / self._q(piece.name))
            for i, row in enumerate(piece.models):
                row *= (stack.draws(piece, i) >= most) * grow
            return piece.models

        return thin

    def _q(self, name: str) -> float:
        usual = 1 - self.rate
        return self.q.get(name, usual) if isinstance(self.q, dict) else self.q or usual


@dataclass(frozen=True)
class RankedDrop(AbstractSparsifier):
    """Differences are dropped by chance, small ones rather than large ones; the others grow.

    The chance rises evenly with the rank, from rate - spread / 2 of the largest to
    rate + spread / 2 of the smallest; what stays is divided by its chance to stay, so that the mean
    over chance is the difference itself. Differences whose leading bits agree (to 1 %) share their
    mean rank: that takes one pass and no sort.

    Parameters
    ----------
    rate
        Mean chance to be dropped.
    spread
        Chance of the smallest less that of the largest; both must lie in [0, 1).
    """

    rate: float = 0.7
    spread: float = 0.2

    def __post_init__(self) -> None:
        low, high = self.rate - self.spread / 2, self.rate + self.spread / 2
        if not (0 <= low <= high < 1):
            raise UsageError(
                "RankedDrop",
                f"rate {self.rate} and spread {self.spread} give chances from {low:.3g} to "
                f"{high:.3g}",
                do="Choose both so that chances lie in [0, 1)",
            )

    def ready(self, stack: Stack) -> Thin:
        low = self.rate - self.spread / 2
        counts = counted(stack)
        above = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1] - counts
        rank = (above + (counts - 1) / 2) / max(stack.size - 1, 1)  # 0 largest, 1 smallest
        stay = np.clip(1 - (low + self.spread * rank), 1 - low - self.spread, 1 - low)
        least = np.round((1 - stay) * 2**32).astype(np.uint32)
        grow = (1 / stay).astype(stack.dtype)

        def thin(piece: Piece) -> np.ndarray:
            for i, row in enumerate(piece.models):
                at = leading(np.abs(row))
                row *= (stack.draws(piece, i) >= least[i, at]) * grow[i, at].astype(row.dtype)
            return piece.models

        return thin


def _at(stack: Stack, rank: int) -> np.ndarray:
    """Magnitude (k,) at a rank; 0 of a tensor without numbers."""
    return ranked(stack, (rank,))[:, 0] if stack.size else np.zeros(stack.k)
