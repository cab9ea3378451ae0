"""What an update does to any state: a shift of the mean and new anomalies, linear in the old ones.

Shapes: e experiments, n members, m numbers of the state, p observations. Every transform has
``apply(anomalies (e, n, m)) -> (shift (e, m), anomalies (e, n, m))``. Linear in the anomalies, it
serves a state of the past as well as the present one, which is all that a smoother needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Weights:
    """One set of weights for the whole state: ``mean + w A`` and ``T A``; w (e, n), T (e, n, n)."""

    w: np.ndarray
    T: np.ndarray

    def apply(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift of the mean, and new anomalies."""
        return (self.w[:, None] @ A)[:, 0], self.T @ A


@dataclass(frozen=True)
class Few:
    """Weights of many members by few observations: ``T = I + left right`` without T.

    w (e, n), left (e, n, k), right (e, k, n).
    """

    w: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def apply(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift of the mean, and new anomalies."""
        return (self.w[:, None] @ A)[:, 0], A + self.left @ (self.right @ A)

    def whole(self) -> Weights:
        """The same with T."""
        T = self.left @ self.right
        n = T.shape[-1]
        T.reshape(*T.shape[:-2], n * n)[..., :: n + 1] += 1
        return Weights(self.w, T)

    def short(self):
        """Itself where that is less work, else with T."""
        return self if 2 * self.left.shape[2] < self.left.shape[1] else self.whole()


@dataclass(frozen=True)
class LocalWeights:
    """Weights of every point: w (e, points, n), T (e, points, n, n); ``point`` (m,) of a number."""

    w: np.ndarray
    T: np.ndarray
    point: np.ndarray | None

    def apply(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift of the mean, and new anomalies."""
        w, T = self.w, self.T
        if self.point is not None:
            w, T = w[:, self.point], T[:, self.point]
        columns = A.swapaxes(1, 2)
        made = (T @ columns[..., None])[..., 0]
        return (w * columns).sum(-1), made.swapaxes(1, 2)


@dataclass(frozen=True)
class LocalGain:
    """Increments (e, 1 + n, p) in observations, spread by tapered products ``A' S`` with them.

    The first row is the increment of the mean, the others those of anomalies; ``taper`` is (m, p)
    or (e, m, p).
    """

    S: np.ndarray
    increments: np.ndarray
    taper: np.ndarray

    def apply(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift of the mean, and new anomalies."""
        cross = self.taper * (A.swapaxes(1, 2) @ self.S)
        made = self.increments @ cross.swapaxes(1, 2)
        return made[:, 0], A + made[:, 1:]


@dataclass(frozen=True)
class LocalSeries:
    """Observations one after another: anomalies y (p, e, n) and coefficients c (p, e, n + 1).

    ``taper`` (m, p) or (e, m, p) of the state with observations, or None.
    """

    y: np.ndarray
    c: np.ndarray
    taper: np.ndarray | None

    def apply(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift of the mean, and new anomalies."""
        made = np.concatenate([A, np.zeros_like(A[:, :1])], axis=1)
        for j in range(len(self.y)):
            row = (self.y[j][:, None] @ made[:, :-1])[:, 0]
            if self.taper is not None:
                row = row * self.taper[..., j]
            made -= self.c[j][..., None] * row[:, None]
        return made[:, -1], made[:, :-1]
