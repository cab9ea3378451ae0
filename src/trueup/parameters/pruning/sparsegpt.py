r"""Optimal brain surgery of a layer: what is left makes up for what went.

With :math:`H = X X^\top + \lambda I` and columns from first to last, the weight
:math:`w_j` that goes costs :math:`w_j^2 / [H_{j:}^{-1}]_{11}`, and all later weights of its row
move by :math:`-w_j\, [H_{j:}^{-1}]_{1,:} / [H_{j:}^{-1}]_{11}`. All these inverses are rows of one
Cholesky factor of :math:`H^{-1}`.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from trueup.core.errors import EvidenceError
from trueup.parameters.pruning.patterns import Pattern


BLOCK = 128
"""Columns that are chosen from at a time, and whose effect on later ones waits."""


def surgeon(
    w: np.ndarray, xx: np.ndarray, *, share: float, pattern: Pattern, damping: float
) -> np.ndarray:
    """(out, d) the pruned matrix.

    Parameters
    ----------
    w
        (out, d) the matrix.
    xx
        (d, d) sum of x x' of what it is given.
    share, pattern
        How many go, and where.
    damping
        Added to the diagonal of ``xx``, as a share of its mean.
    """
    w, d = w.astype(np.float32).copy(), w.shape[1]
    u = inverse_factor(xx, damping).astype(np.float32)
    cost = np.square(np.diagonal(u))
    step = BLOCK - BLOCK % pattern.m if pattern.m else BLOCK
    for start in range(0, d, step):
        stop = min(start + step, d)
        part, errors = w[:, start:stop], np.zeros((len(w), stop - start), np.float32)
        keep = None if pattern.m else pattern.keep(part**2 / cost[start:stop], share)
        for i in range(stop - start):
            j = start + i
            if pattern.m and i % pattern.m == 0:
                now = slice(i, min(i + pattern.m, stop - start))
                some = pattern.keep(part[:, now] ** 2 / cost[start:stop][now], share)
                keep = some if keep is None else np.concatenate([keep, some], axis=1)
            assert keep is not None
            gone = np.where(keep[:, i], 0, part[:, i])
            errors[:, i] = gone / u[j, j]
            part[:, i] -= gone
            part[:, i + 1 :] -= errors[:, i, None] * u[j, j + 1 : stop]
        w[:, stop:] -= errors @ u[start:stop, stop:]
    return w


def inverse_factor(xx: np.ndarray, damping: float) -> np.ndarray:
    """Upper U with U'U the inverse of ``xx`` after damping.

    Raises
    ------
    EvidenceError
        There is no inverse: fewer rows than inputs, or inputs that depend on each other.
    """
    h = xx.astype(np.float64).copy()
    h[np.diag_indices_from(h)] += damping * max(float(np.diagonal(h).mean()), 1e-30)
    try:
        factor = linalg.cholesky(h, lower=True)
    except linalg.LinAlgError as error:
        raise EvidenceError(
            "Prune", f"the Gram matrix of {len(h)} inputs has no inverse", do="Raise damping"
        ) from error
    inverse = linalg.cho_solve((factor, True), np.eye(len(h)))
    return linalg.cholesky(inverse, lower=False)
