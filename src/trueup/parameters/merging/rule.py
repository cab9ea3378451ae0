"""What a method of merging is: how pieces of several models become a piece of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.errors import UsageError
from trueup.parameters.merging.stack import Piece, Stack


Combine = Callable[[Piece], np.ndarray]
"""Numbers (m,) of the merged model from a piece."""
Thin = Callable[[Piece], np.ndarray]
"""Differences (k, m) of a piece, most of them 0."""


class AbstractMerging(ABC):
    """Settings of a merge."""

    aligns: ClassVar[bool] = False
    """Whether models may have started apart: it does not take one neuron for another."""

    of_deltas: ClassVar[bool] = False
    """Whether it merges differences from a base, which is then needed."""

    scope: str = "tensor"
    """``"tensor"``: every tensor is judged by itself; ``"model"``: all of them together."""

    def check(self, k: int) -> None:  # noqa: B027  most take any number of models
        """Refuse a number of models that it cannot merge."""

    @abstractmethod
    def ready(self, stack: Stack) -> Combine:
        """What is done to every piece, after a look at all of the ``stack``."""


class AbstractSparsifier(ABC):
    """How differences from the base are thinned before they meet: an axis of merging."""

    scope: str = "tensor"
    """``"tensor"`` or ``"model"``: what is ranked together."""

    @abstractmethod
    def ready(self, stack: Stack) -> Thin:
        """What is done to every piece, after a look at all of the ``stack``."""


class AbstractConsensus(ABC):
    """How thinned differences of several models become one: an axis of merging."""

    @abstractmethod
    def __call__(self, deltas: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """(m,) from ``deltas`` (k, m) and the models' ``shares`` (k,)."""


@dataclass(frozen=True)
class TaskVectors(AbstractMerging):
    r"""A row of merging: :math:`\theta = \theta_0 + \lambda\, C(S(\theta_1 - \theta_0), ...)`.

    Parameters
    ----------
    sparsify
        S, which thins every difference; None leaves it.
    consensus
        C, which makes one difference of several.
    scale
        :math:`\lambda`, what it is multiplied by, >= 0.
    """

    sparsify: AbstractSparsifier | None
    consensus: AbstractConsensus
    scale: float = 1.0

    of_deltas: ClassVar[bool] = True

    @property
    def scope(self) -> str:  # type: ignore[override]
        """What is judged together: as the sparsifier says."""
        return self.sparsify.scope if self.sparsify else "tensor"

    def ready(self, stack: Stack) -> Combine:
        thin = self.sparsify.ready(stack) if self.sparsify else None

        def combine(piece: Piece) -> np.ndarray:
            deltas = thin(piece) if thin else piece.models
            merged = self.consensus(deltas, stack.shares)
            merged *= merged.dtype.type(self.scale)
            assert piece.base is not None
            merged += piece.base
            return merged

        return combine


class AbstractRow(AbstractMerging):
    """A published method that is one row of :class:`TaskVectors`."""

    of_deltas: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.row()  # a setting that makes no sense is refused when it is said

    @abstractmethod
    def row(self) -> TaskVectors:
        """Its values of the axes."""

    def ready(self, stack: Stack) -> Combine:
        return self.row().ready(stack)


def share(who: str, what: str, value: float, *, zero: bool = False) -> None:
    """Refuse a share that is not in (0, 1], or in [0, 1) where ``zero`` is one."""
    if not (0 <= value < 1 if zero else 0 < value <= 1):
        do = "Pass a share from 0 up to below 1" if zero else "Pass a share above 0 and up to 1"
        raise UsageError(who, f"{what} is {value}", do=do)


def factor(who: str, what: str, value: float) -> None:
    """Refuse a factor that is not a number."""
    if not abs(value) < float("inf"):
        raise UsageError(who, f"{what} is {value}", do="Pass a finite number")


def known_scope(who: str, scope: str) -> None:
    """Refuse a scope that is neither a tensor nor the model."""
    if scope not in ("tensor", "model"):
        raise UsageError(who, f"scope is '{scope}'", do="Pass 'tensor' or 'model'")
