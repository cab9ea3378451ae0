"""Predictions, the truth, and the roles that other columns play."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.groups import (
    BLOCKS,
    BUCKETS,
    GROUPS,
    buckets,
    hash_groups,
    integer_keys,
    parts_of_buckets,
    place_groups,
)
from trueup.core.predictions import Prediction, Sets
from trueup.core.probabilities import Probabilities
from trueup.core.rows import Rows
from trueup.core.validate import finite, refuse_rows


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups that were made elsewhere, as in the pass over a table.

    Attributes
    ----------
    of_rows
        (n,) group of every row, below ``count``.
    count
        Upper bound of the group numbers.
    kind
        ``"row"``, ``"cluster"`` or ``"block"``.
    """

    of_rows: np.ndarray
    count: int
    kind: str


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was predicted and what happened, row by row.

    Parameters
    ----------
    prediction
        One of the kinds of prediction, n rows.
    truth
        (n,): the class code 0 .. k - 1 for ``Probabilities`` and ``Sets``, the number that happened
        otherwise.
    weight
        (n,) >= 0; None means that every row counts once.
    cluster
        (n,) keys of what rows belong to (patient, document): rows of one cluster may depend on each
        other, so they stay in one group.
    time
        (n,) numbers or datetimes: rows become a series and groups become contiguous blocks.
    by
        Columns (n,) that cut the rows into slices.
    features
        (n, d) or (n,) numbers that are known of every row beside its prediction.
    grouped
        Groups that are known already; they go before ``cluster`` and ``time``.

    Examples
    --------
    >>> e = Evidence(Probabilities([0.2, 0.9, 0.6]), [0, 1, 0])
    >>> len(e), len(e.take([0, 2]))
    (3, 2)
    """

    prediction: Prediction
    truth: np.ndarray
    weight: np.ndarray | None = field(default=None, kw_only=True)
    cluster: np.ndarray | None = field(default=None, kw_only=True)
    time: np.ndarray | None = field(default=None, kw_only=True)
    by: dict[str, np.ndarray] = field(default_factory=dict, kw_only=True)
    features: np.ndarray | None = field(default=None, kw_only=True)
    grouped: Grouping | None = field(default=None, kw_only=True)
    rows: Rows = field(default=None, kw_only=True, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        truth = _truth(self.prediction, np.asarray(self.truth))
        object.__setattr__(self, "truth", truth)
        if self.weight is not None:
            object.__setattr__(self, "weight", _weights(self.weight, len(truth)))
        if self.cluster is not None:
            object.__setattr__(self, "cluster", _column("cluster", self.cluster, len(truth)))
        if self.time is not None:
            object.__setattr__(self, "time", _times(self.time, len(truth)))
        by = {name: _column(f"by[{name}]", values, len(truth)) for name, values in self.by.items()}
        object.__setattr__(self, "by", by)
        if self.features is not None:
            object.__setattr__(self, "features", _features(self.features, len(truth)))
        if self.rows is None:
            object.__setattr__(self, "rows", self._identify())

    def __len__(self) -> int:
        return len(self.truth)

    def _identify(self) -> Rows:
        if isinstance(self.prediction, Probabilities) and self.prediction.event:
            return Rows.of([self.prediction.chance, self.truth])  # p says 1 - p as well
        values = (getattr(self.prediction, part.name) for part in fields(self.prediction))
        parts = [v for v in values if isinstance(v, np.ndarray) and len(v) == len(self.truth)]
        return Rows.of([*parts, self.truth])

    def take(self, index) -> Evidence:
        """The rows of ``index``; they keep their identity."""

        def pick(column):
            return None if column is None else column[index]

        return Evidence(
            self.prediction.take(index),
            self.truth[index],
            weight=pick(self.weight),
            cluster=pick(self.cluster),
            time=pick(self.time),
            by={name: column[index] for name, column in self.by.items()},
            features=pick(self.features),
            grouped=self.grouped
            and Grouping(self.grouped.of_rows[index], self.grouped.count, self.grouped.kind),
            rows=self.rows.take(index),
        )

    def groups(self) -> np.ndarray:
        """Group (n,) of every row: by cluster, else by block of time, else by place."""
        if self.grouped is not None:
            return self.grouped.of_rows
        if self.cluster is not None:
            return hash_groups(self.cluster)
        if self.time is not None:
            return time_blocks(self.time)
        return place_groups(len(self))

    @property
    def grouping(self) -> str:
        """How ``groups`` were made: ``"cluster"``, ``"block"`` or ``"row"``."""
        if self.grouped is not None:
            return self.grouped.kind
        return "cluster" if self.cluster is not None else "row" if self.time is None else "block"

    @property
    def group_count(self) -> int:
        """Upper bound of the group numbers."""
        if self.grouped is not None:
            return self.grouped.count
        return BLOCKS if self.grouping == "block" else GROUPS


def time_blocks(times: np.ndarray, *, parts: int = BLOCKS) -> np.ndarray:
    """Contiguous block (n,) of every row, about equally many rows each, ties kept together."""
    numbers = integer_keys(times) if times.dtype.kind == "M" else times.astype(np.float64)
    if not len(numbers):
        return np.zeros(0, dtype=np.int64)
    bucket = buckets(numbers, first=float(numbers.min()), last=float(numbers.max()))
    return parts_of_buckets(np.bincount(bucket, minlength=BUCKETS), parts=parts)[bucket]


def _truth(prediction: Prediction, truth: np.ndarray) -> np.ndarray:
    if truth.ndim != 1 or len(truth) != len(prediction):
        raise EvidenceError(
            "Evidence",
            f"truth has shape {truth.shape} for {len(prediction)} predictions",
            do="Pass one truth a prediction",
        )
    if not isinstance(prediction, Probabilities | Sets):
        return finite("Evidence.truth", truth, 1)
    return _codes(prediction, truth)


def _codes(prediction: Probabilities | Sets, truth: np.ndarray) -> np.ndarray:
    if truth.dtype.kind in "OUS":
        known = {str(name): code for code, name in enumerate(prediction.classes)}
        strange = sorted({str(t) for t in truth} - known.keys())
        codes = None if strange else np.array([known[str(t)] for t in truth], dtype=np.int64)
    elif (
        truth.dtype.kind in "iub" and truth.size and 0 <= truth.min() <= truth.max() < prediction.k
    ):
        return truth.astype(np.int64, copy=False)
    else:
        outside = (truth < 0) | (truth >= prediction.k) | (truth != np.floor(truth))
        strange = np.unique(truth[outside]).tolist()
        codes = truth.astype(np.int64) if not strange else None
    if codes is None:
        raise EvidenceError(
            "Evidence",
            f"labels {strange[:5]} are none of the {prediction.k} classes "
            f"{list(prediction.classes)[:8]}",
            do="Pass class codes 0 .. k - 1, or name the classes on the prediction",
        )
    return codes


def _weights(weight, n: int) -> np.ndarray:
    w = _column("weight", np.asarray(weight, dtype=np.float64), n)
    if not np.isfinite(w).all() or (w < 0).any() or not (n == 0 or w.sum() > 0):
        raise EvidenceError(
            "Evidence",
            f"weights must be finite, >= 0 and not all 0; the least is {w.min(initial=np.inf)}",
            do="Drop the rows or mend their weights",
        )
    return w


def _features(values, n: int) -> np.ndarray:
    wide = np.asarray(values, dtype=np.float64)
    wide = wide[:, None] if wide.ndim == 1 else wide
    if wide.ndim != 2 or len(wide) != n:
        raise EvidenceError(
            "Evidence", f"'features' has shape {wide.shape} for {n} rows", do="Pass one row a row"
        )
    return finite("Evidence.features", wide, 2)


def _times(values, n: int) -> np.ndarray:
    times = _column("time", values, n)
    if times.dtype.kind == "M" and np.isnat(times).any():
        refuse_rows("Evidence.time", "not a time", np.isnat(times), times)
    if times.dtype.kind not in "Miufb":
        raise EvidenceError(
            "Evidence", f"'time' holds {times.dtype}", do="Pass numbers or datetime64 values"
        )
    return times if times.dtype.kind == "M" else finite("Evidence.time", times, 1)


def _column(name: str, values, n: int) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != (n,):
        raise EvidenceError(
            "Evidence", f"'{name}' has shape {array.shape} for {n} rows", do="Pass one value a row"
        )
    return array
