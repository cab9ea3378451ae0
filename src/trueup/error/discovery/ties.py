"""Linear equalities between coefficients: a symmetry, a conservation law."""

from __future__ import annotations

import numpy as np


ZERO = 1e-12
"""Size of a number in a reduced equality that is rounding."""


def free(equalities: np.ndarray) -> np.ndarray:
    """A basis (p, q) of the coefficients c (p,) with ``equalities`` (r, p) @ c = 0.

    The first coefficients of an equality are free and stand for themselves, the last one follows:
    of p coefficients without equalities the identity.
    """
    rows = np.array(equalities, dtype=np.float64)[:, ::-1].copy()
    p = rows.shape[1]
    pivots: list[int] = []
    for column in range(p):
        rest = np.abs(rows[len(pivots) :, column])
        if not len(rest) or rest.max() <= ZERO:
            continue
        at, here = len(pivots) + int(rest.argmax()), len(pivots)
        rows[[here, at]] = rows[[at, here]]
        rows[here] /= rows[here, column]
        others = np.arange(len(rows)) != here
        rows[others] -= np.outer(rows[others, column], rows[here])
        pivots.append(column)
    loose = [column for column in range(p) if column not in pivots]
    basis = np.zeros((p, len(loose)))
    basis[loose, np.arange(len(loose))] = 1.0
    basis[pivots] = -rows[: len(pivots)][:, loose]
    basis[np.abs(basis) < ZERO] = 0.0
    return basis[::-1, ::-1]
