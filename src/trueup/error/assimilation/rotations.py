r"""Random rotations of members that keep their mean.

:math:`Q = B\, \Omega B^\top + 1 1^\top / n` with :math:`\Omega` uniform among orthogonal matrices
of :math:`n - 1` rows and B an orthonormal basis of what is orthogonal to the vector of ones (Sakov,
Oke 2008b). Covariances stay; outliers that a deterministic update lets grow do not.

Examples
--------
>>> import numpy as np
>>> Q = Rotations(np.random.default_rng(0), float).draw(1, 5)[0]
>>> bool(np.allclose(Q @ Q.T, np.eye(5)) and np.allclose(Q.sum(1), 1))
True
"""

from __future__ import annotations

import numpy as np


AHEAD = 64
"""Rotations that are made at a time: one call for many costs a third of a call for each."""


class Rotations:
    """A stream of rotations, made ahead of time."""

    def __init__(self, rng: np.random.Generator, dtype) -> None:
        self.rng, self.dtype = rng, np.dtype(dtype)
        self.ready = np.empty((0, 0, 0), dtype)
        self.used = 0

    def draw(self, e: int, n: int) -> np.ndarray:
        """(e, n, n) rotations."""
        if self.ready.shape[1] != n or self.used + e > len(self.ready):
            self.ready, self.used = self._make(max(e, AHEAD), n), 0
        self.used += e
        return self.ready[self.used - e : self.used]

    def _make(self, count: int, n: int) -> np.ndarray:
        normal = self.rng.standard_normal((count, n - 1, n - 1), dtype=self.dtype)
        Q, R = np.linalg.qr(normal)
        # The signs make the law uniform; a library fixes them in its own way.
        Q *= np.where(np.diagonal(R, axis1=1, axis2=2) < 0, -1, 1)[:, None]
        B = _basis(n).astype(self.dtype)
        return B @ Q @ B.T + self.dtype.type(1 / n)


def _basis(n: int) -> np.ndarray:
    """(n, n - 1) orthonormal columns that sum to zero, of a reflection that maps e_1 to ones."""
    v = np.full(n, n**-0.5)
    v[0] -= 1
    return (np.eye(n) - 2 * np.outer(v, v) / (v @ v))[:, 1:]
