"""The directions of outputs in which a layer errs most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg


@dataclass(frozen=True, eq=False)
class Spectrum:
    """How the error of a layer falls into directions.

    Attributes
    ----------
    energy
        Squared error of outputs along every direction, largest first.
    directions
        (out, k) orthonormal, in the order of ``energy``.
    left
        (out, d) the error of the weights.
    whole
        Squared size of the outputs without error.
    """

    energy: np.ndarray
    directions: np.ndarray
    left: np.ndarray
    whole: float

    @property
    def cost(self) -> int:
        """Numbers that a rank costs."""
        return sum(self.left.shape)

    def factors(self, rank: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """(out, r) and (r, d): the best of that rank, or of that of the error."""
        u = self.directions[:, :rank]
        return u.astype(dtype), (u.T @ self.left).astype(dtype)


def spectrum(left: np.ndarray, xx: np.ndarray | None, *, whole: float) -> Spectrum:
    """Of the error ``left`` (out, d) of a layer whose inputs have the Gram matrix ``xx`` (d, d).

    The smaller of the two sides is decomposed: outputs, or inputs after a root of ``xx``.
    """
    out, d = left.shape
    if out <= d:
        seen = left if xx is None else left @ xx.astype(np.float32)
        values, vectors = linalg.eigh((seen @ left.T).astype(np.float64), check_finite=False)
        energy, directions = values[::-1], vectors[:, ::-1]
    else:
        rooted = left if xx is None else left @ root(xx).astype(np.float32)
        inner = (rooted.T @ rooted).astype(np.float64)
        values, vectors = linalg.eigh(inner, check_finite=False)
        energy = values[::-1]
        directions = np.linalg.qr(rooted.astype(np.float64) @ vectors[:, ::-1])[0]
    return Spectrum(np.maximum(energy, 0), directions.astype(np.float32), left, whole)


def root(xx: np.ndarray) -> np.ndarray:
    """R with R R' = ``xx``, which may be singular."""
    values, vectors = linalg.eigh(xx, check_finite=False)
    return vectors * np.sqrt(np.maximum(values, 0))
