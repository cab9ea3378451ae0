"""Full conformal intervals of ridge regression, in closed form: no rows are set aside."""

from __future__ import annotations

import numpy as np

from trueup.calibration.conformal.ranks import check_level, rank_of, refuse_few
from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, FitError, UsageError
from trueup.core.predictions import Intervals
from trueup.core.validate import finite, same_length


CARD = Card(
    name="ridge_intervals",
    question="calibration",
    family="conformal",
    summary="exact intervals of a ridge or least-squares regression, all rows learn and judge",
    axes={"score": "residual of the fit with the new row", "construction": "full",
          "guarantee": "over all rows, exact"},
    paper="Burnaev & Vovk 2014, COLT, arXiv:1404.2083; Vovk, Gammerman & Shafer 2005, section 2.3",
    exports=("ridge_intervals",),
    claims=("covers exchangeable rows at its level",),
    cost="O(n d^2) once, O(n d) a new row",
    not_for="other models: see cv_plus; a ridge chosen on the same rows",
)  # fmt: skip

CELLS = 2**22
"""Numbers that stand side by side: known rows times new rows of a block."""


def ridge_intervals(
    X: np.ndarray, y: np.ndarray, *, new: np.ndarray, ridge: float = 0.0, level: float = 0.9
) -> Intervals:
    r"""Intervals of ``new`` rows by a regression that is refitted with each possible truth of each.

    A value v is in the set of a new row x if, in the fit on all n + 1 rows with v as its truth,
    the absolute residual of x ranks among the :math:`\lceil \mathrm{level}\,(n + 1) \rceil` least.
    With :math:`G = (X^T X + \lambda I)^{-1}`, residuals :math:`e_i` of the fit on n rows,
    :math:`g_i = x_i^T G x`, :math:`h = x^T G x` and :math:`u = (v - x^T \hat\beta) / (1 + h)`, the
    residuals of the larger fit are :math:`e_i - g_i u` and :math:`u`. Row i is at least as far off
    as x for u between :math:`e_i / (1 + g_i)` and :math:`-e_i / (1 - g_i)`, so the ends are order
    statistics of these. A row with :math:`|g_i| \ge 1`, which needs h > 1, is counted as farther
    off everywhere: a little wide, never narrow.

    The columns are taken as they are: add a column of ones for an intercept.

    Parameters
    ----------
    X, y
        (n, d) inputs and (n,) truths.
    new
        (m, d) inputs of new rows.
    ridge
        Weight >= 0 of the squared coefficients.
    level
        In (0, 1), at most n / (n + 1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.column_stack([np.ones(30), rng.normal(size=30)])
    >>> made = ridge_intervals(X, X[:, 1] + rng.normal(size=30), new=X[:1])
    >>> bool(made.low[0] < X[0, 1] < made.high[0])
    True
    """
    X, y, new, inverse = _checked(X, y, new, ridge, level)
    beta = inverse @ (X.T @ y)
    off = y - X @ beta
    low, high = [np.zeros(0)], [np.zeros(0)]
    size = max(CELLS // len(y), 1)
    for i in range(0, len(new), size):
        rows = new[i : i + size]
        ends = _ends(off, X @ inverse @ rows.T, int(rank_of(level, len(y))))
        centre, stretch = rows @ beta, 1 + np.einsum("md,de,me->m", rows, inverse, rows)
        low.append(centre + stretch * ends[0])
        high.append(centre + stretch * ends[1])
    return _finite(np.concatenate(low), np.concatenate(high), level)


def _ends(off: np.ndarray, lever: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Ends (m,) of the set of u, from residuals (n,) and influences (n, m) of new rows."""
    n = len(off)
    inside = np.abs(lever) < 1
    safe = np.where(inside, lever, 0.0)
    one, other = off[:, None] / (1 + safe), -off[:, None] / (1 - safe)
    least = np.where(inside, np.minimum(one, other), -np.inf)
    most = np.where(inside, np.maximum(one, other), np.inf)
    return (
        np.partition(least, n - rank, axis=0)[n - rank],
        np.partition(most, rank - 1, axis=0)[rank - 1],
    )


def _checked(X, y, new, ridge: float, level: float):
    who = "ridge_intervals"
    X, y, new = finite(who, X, 2), finite(who, y, 1), finite(who, new, 2)
    same_length(who, X, y)
    check_level(who, level)
    if not ridge >= 0 or new.shape[1] != X.shape[1]:
        raise UsageError(
            who,
            f"ridge {ridge}, X {X.shape}, new {new.shape}",
            do="Pass the same columns for both and a ridge of 0 or more",
        )
    refuse_few(who, len(y), level)
    gram = X.T @ X + ridge * np.eye(X.shape[1])
    if np.linalg.matrix_rank(gram, hermitian=True) < len(gram):
        raise FitError(
            who,
            f"the {X.shape[1]} columns of {len(y)} rows do not pin the coefficients down",
            do="Drop columns, or pass a ridge above 0",
        )
    return X, y, new, np.linalg.inv(gram)


def _finite(low: np.ndarray, high: np.ndarray, level: float) -> Intervals:
    endless = ~np.isfinite(low) | ~np.isfinite(high)
    if endless.any():
        raise EvidenceError(
            "ridge_intervals",
            f"the interval of row {int(endless.argmax())} of 'new' has no end",
            why="it lies so far from the known rows that any truth would fit",
            do="Drop the row, or pass a larger ridge",
        )
    return Intervals(low, high, level)
