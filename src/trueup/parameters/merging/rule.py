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

    of_deltas: ClassVar[bool] = False
    """Whether it merges differences from a base, which is then needed."""

    scope: ClassVar[str] = "tensor"
    """``"tensor"``: every tensor is judged by itself; ``"model"``: all of them together."""

    def check(self, k: int) -> None:  # noqa: B027  most take any number of models
        """Refuse a number of models that it cannot merge."""

    @abstractmethod
    def ready(self, stack: Stack) -> Combine:
        """What is done to every piece, after a look at all of the ``stack``."""


class AbstractSparsifier(ABC):
    """How differences from the base are thinned before they meet: an axis of merging."""

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


def share(who: str, what: str, value: float) -> None:
    """Refuse a share that is not in (0, 1]."""
    if not 0 < value <= 1:
        raise UsageError(who, f"{what} is {value}", do="Pass a share above 0 and up to 1")
