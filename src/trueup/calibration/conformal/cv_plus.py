"""Cross-conformal intervals: every row teaches and every row sets the margin."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trueup.calibration.conformal.ranks import check_level, rank_of, refuse_few
from trueup.calibration.conformal.shifted import shifted_rank
from trueup.core.cards import Card
from trueup.core.errors import EvidenceError
from trueup.core.predictions import Intervals
from trueup.core.validate import finite


CARD = Card(
    name="cv_plus",
    question="calibration",
    family="conformal",
    summary="intervals from the models of a cross-validation: no rows are set aside",
    axes={"score": "residual", "construction": "cross: K folds, leave-one-out, bootstrap",
          "guarantee": "1 - 2 alpha always, 1 - alpha for stable models; minmax of n: 1 - alpha"},
    paper="Barber, Candes, Ramdas & Tibshirani 2021, Ann. Stat. 49(1), arXiv:1905.02928; "
          "Kim, Xu & Barber 2020, arXiv:2002.09025",
    exports=("bootstrap_plus", "cv_plus", "jackknife_plus"),
    claims=("covers at least 1 - 2 alpha",),
    cost="O((n + m K) log n) for K folds; O(n m) where every row has a model of its own",
    not_for="plenty of rows, where ConformalIntervals needs one model only; rows in time",
)  # fmt: skip

CELLS = 2**22
"""Numbers that stand side by side where every row has a model of its own."""


def cv_plus(
    residuals: np.ndarray,
    predictions: np.ndarray,
    *,
    fold: np.ndarray,
    level: float = 0.9,
    minmax: bool = False,
) -> Intervals:
    r"""Intervals of new rows from out-of-fold residuals and the predictions of the K fold models.

    With :math:`R_i = |y_i - \hat\mu_{-k(i)}(x_i)|` and :math:`r = \lceil \mathrm{level}\,(n + 1)
    \rceil` the interval of a new row x reaches from the :math:`(n + 1 - r)`-th smallest of
    :math:`\hat\mu_{-k(i)}(x) - R_i` to the r-th smallest of :math:`\hat\mu_{-k(i)}(x) + R_i`. It
    holds the truth with probability 1 - 2 alpha - sqrt(2 / n) at least for any model, where alpha
    is 1 - ``level``, and about 1 - alpha where leaving out a fold changes the model little. With
    ``minmax`` it reaches from :math:`\min_k \hat\mu_{-k}(x) - R_{(r)}` to :math:`\max_k
    \hat\mu_{-k}(x) + R_{(r)}`: wider, and 1 - alpha for K = n.

    The n m numbers are never made: the rank is searched among K sorted lists of residuals.

    Parameters
    ----------
    residuals
        (n,) absolute residuals, each by the model that has not seen its row.
    predictions
        (m, K) of the new rows by the models that left out fold 0 .. K - 1.
    fold
        (n,) fold of every residual, 0 .. K - 1, none of them empty.
    level
        In (0, 1), at most n / (n + 1).
    minmax
        Whether the widest of the models counts.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> residuals, fold = np.abs(rng.normal(size=1_000)), np.arange(1_000) % 5
    >>> made = cv_plus(residuals, np.zeros((1, 5)), fold=fold)
    >>> made.high.round(1)
    array([1.6])
    """
    residuals, predictions, fold = _checked("cv_plus", residuals, predictions, fold, level)
    rank = int(rank_of(level, len(residuals)))
    if minmax:
        reach = np.partition(residuals, rank - 1)[rank - 1]
        return Intervals(predictions.min(axis=1) - reach, predictions.max(axis=1) + reach, level)
    if len(residuals) < 8 * predictions.shape[1]:
        parts = (models[:, fold] for models in _parts(predictions, len(residuals)))
        return _row_by_row(parts, residuals, rank, level)
    order = np.argsort(fold, kind="stable")
    lists = np.split(residuals[order], np.cumsum(np.bincount(fold))[:-1])
    low = -shifted_rank(lists, -predictions, rank=rank)
    return _intervals(low, shifted_rank(lists, predictions, rank=rank), level)


def jackknife_plus(
    residuals: np.ndarray, predictions: np.ndarray, *, level: float = 0.9, minmax: bool = False
) -> Intervals:
    """Intervals from models that left out one row each: ``cv_plus`` with K = n.

    Use it for few rows, or where leaving out a row is cheap. It holds the truth with probability
    1 - 2 alpha at least for any model.

    Parameters
    ----------
    residuals
        (n,) absolute leave-one-out residuals.
    predictions
        (m, n) of the new rows by the model that left out row 0 .. n - 1.
    level, minmax
        As in ``cv_plus``.

    Examples
    --------
    >>> made = jackknife_plus(np.arange(1.0, 10.0), np.zeros((2, 9)), level=0.8)
    >>> made.high
    array([8., 8.])
    """
    fold = np.arange(len(np.atleast_1d(residuals)))
    return cv_plus(residuals, predictions, fold=fold, level=level, minmax=minmax)


def bootstrap_plus(
    truth: np.ndarray,
    known: np.ndarray,
    *,
    left_out: np.ndarray,
    predictions: np.ndarray,
    level: float = 0.9,
) -> Intervals:
    """Intervals from the B models of a bagged ensemble: jackknife+-after-bootstrap.

    The model that leaves out row i is the mean of those whose bag it is not in, so an ensemble that
    is there anyway gives intervals at no further fit. It holds the truth with probability 1 - 2
    alpha at least where B is drawn from a binomial law, and in practice for a fixed B.

    Parameters
    ----------
    truth
        (n,) what happened.
    known
        (n, B) predictions of the same rows by every model.
    left_out
        (n, B) of bool: the row was not in the bag of the model.
    predictions
        (m, B) of the new rows.
    level
        In (0, 1), at most n / (n + 1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> left_out = rng.random((200, 30)) < 0.37
    >>> truth = rng.normal(size=200)
    >>> made = bootstrap_plus(truth, np.zeros((200, 30)), left_out=left_out,
    ...                       predictions=np.zeros((1, 30)))
    >>> bool(1.2 < made.high[0] < 2.1)
    True
    """
    truth, known, new, share = _bags(truth, known, left_out, predictions)
    _reachable("bootstrap_plus", len(truth), level)
    residuals = np.abs(truth - np.einsum("nb,nb->n", known, share))
    parts = (models @ share.T for models in _parts(new, len(truth)))
    return _row_by_row(parts, residuals, int(rank_of(level, len(truth))), level)


def _bags(truth, known, left_out, predictions):
    """The arrays checked, and the share (n, B) of every model in the mean that leaves out a row."""
    who = "bootstrap_plus"
    truth, known, new = finite(who, truth, 1), finite(who, known, 2), finite(who, predictions, 2)
    left_out = np.asarray(left_out)
    shape = (len(truth), new.shape[1])
    if left_out.dtype != np.bool_ or known.shape != shape or left_out.shape != shape:
        raise EvidenceError(
            who,
            f"{len(truth)} truths, known {known.shape}, left_out {left_out.dtype} "
            f"{left_out.shape}, predictions {new.shape}",
            do="Pass a row a truth and a column a model in all of them",
        )
    count = left_out.sum(axis=1, keepdims=True)
    if (count == 0).any():
        raise EvidenceError(
            who,
            f"{int((count == 0).sum())} of {len(truth)} rows are in every bag",
            why="no model can judge them",
            do="Fit more models, or draw smaller bags",
        )
    return truth, known, new, left_out / count


def _parts(predictions: np.ndarray, n: int) -> Iterator[np.ndarray]:
    """Blocks of new rows so small that n numbers a row fit."""
    size = max(CELLS // n, 1)
    return (predictions[i : i + size] for i in range(0, len(predictions), size))


def _row_by_row(parts, residuals: np.ndarray, rank: int, level: float) -> Intervals:
    """From blocks (rows, n) of the prediction of a new row by the model of every known row."""
    n, low, high = len(residuals), [np.zeros(0)], [np.zeros(0)]
    for models in parts:
        low.append(np.partition(models - residuals, n - rank, axis=1)[:, n - rank])
        high.append(np.partition(models + residuals, rank - 1, axis=1)[:, rank - 1])
    return _intervals(np.concatenate(low), np.concatenate(high), level)


def _intervals(low: np.ndarray, high: np.ndarray, level: float) -> Intervals:
    """Where models disagree by more than the residuals, ends may cross: the middle is left."""
    middle = (low + high) / 2
    return Intervals(np.minimum(low, middle), np.maximum(high, middle), level)


def _checked(who: str, residuals, predictions, fold, level: float):
    residuals, predictions = finite(who, residuals, 1), finite(who, predictions, 2)
    fold = np.asarray(fold)
    if (residuals < 0).any():
        raise EvidenceError(
            who, f"the least residual is {residuals.min()}", do="Pass absolute residuals"
        )
    if fold.shape != residuals.shape or fold.dtype.kind not in "iu":
        raise EvidenceError(
            who,
            f"fold is {fold.dtype} {fold.shape} for {len(residuals)} residuals",
            do="Pass the whole number of its fold for every residual",
        )
    _reachable(who, len(residuals), level)
    k = predictions.shape[1]
    if fold.min() < 0 or fold.max() >= k:
        raise EvidenceError(
            who,
            f"folds {int(fold.min())} to {int(fold.max())} for predictions of {k} models",
            do="Number the folds 0 .. K - 1 and pass a column of predictions for each",
        )
    empty = np.flatnonzero(np.bincount(fold, minlength=k) == 0)
    if len(empty):
        raise EvidenceError(
            who, f"no residual is in fold {empty.tolist()[:5]}", do="Leave out its model"
        )
    return residuals, predictions, fold


def _reachable(who: str, n: int, level: float) -> None:
    check_level(who, level)
    refuse_few(who, n, level)
