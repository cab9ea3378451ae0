"""Losses that maps of logits are fitted by, a row each: value, slope, curvature in the logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trueup.core.errors import UsageError


@dataclass(frozen=True)
class Curvature:
    """A (k, k) matrix a row: ``diag(own)`` plus the sum of ``sign u u^T`` over ``ranks``.

    Attributes
    ----------
    own
        (n, k) diagonal part.
    ranks
        Pairs of a sign and (n, k) vectors u.
    """

    own: np.ndarray
    ranks: tuple[tuple[float, np.ndarray], ...]

    def diagonal(self) -> np.ndarray:
        """(n, k) diagonals of the matrices."""
        return self.own + sum(sign * u**2 for sign, u in self.ranks)


@dataclass(frozen=True)
class Loss:
    """A loss of class probabilities.

    Attributes
    ----------
    value
        (n,) losses from log-probabilities (n, k) and class codes (n,).
    slope
        (n, k) derivatives in the logits, from probabilities (n, k) and class codes.
    curvature
        What stands for the second derivative; never negative in any direction.
    """

    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    curvature: Callable[[np.ndarray], Curvature]


def _missed(q: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """What was said minus what happened (n, k)."""
    gap = q.copy()
    gap[np.arange(len(q)), truth] -= 1.0
    return gap


def _log_value(z: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return -z[np.arange(len(z)), truth]


def _brier_value(z: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (_missed(np.exp(z), truth) ** 2).sum(axis=1)


def _brier_slope(q: np.ndarray, truth: np.ndarray) -> np.ndarray:
    gap = _missed(q, truth)
    return 2.0 * q * (gap - (q * gap).sum(axis=1, keepdims=True))


def _brier_curvature(q: np.ndarray) -> Curvature:
    # Gauss and Newton: 2 J J with J = diag(q) - q q^T. The part that is left out has the factor
    # q - y, which is 0 on average where the probabilities are right.
    size = np.sqrt((q**2).sum(axis=1, keepdims=True))
    root, square = np.sqrt(2.0), q**2 / size
    return Curvature(2.0 * q**2, ((1.0, root * (size * q - square)), (-1.0, root * square)))


LOSSES = {
    "log_loss": Loss(_log_value, _missed, lambda q: Curvature(q, ((-1.0, q),))),
    "brier": Loss(_brier_value, _brier_slope, _brier_curvature),
}


def loss_called(who: str, name: str) -> Loss:
    """The loss called ``name``."""
    if name not in LOSSES:
        raise UsageError(who, f"there is no loss '{name}'", do=f"Use one of {', '.join(LOSSES)}")
    return LOSSES[name]
