"""The kinds of prediction: a closed set of frozen, validated containers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trueup.core.errors import EvidenceError


EPS = float(np.finfo(np.float64).eps)
"""Smallest probability inside a logarithm, 2.2e-16: the same for float32 and float64 input."""

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may be from summing to one: float16 and printed digits pass."""


@dataclass(frozen=True, eq=False)
class Probabilities:
    """Probabilities of classes, a row a case.

    Parameters
    ----------
    probs
        (n, k) with rows that sum to one, or (n,) for the probability of an event; in [0, 1].
    classes
        Names of the k classes; empty means 0 .. k - 1.

    Attributes
    ----------
    event
        True where one probability a row was given: measures then speak of the event, else of the
        class that wins.

    Examples
    --------
    >>> Probabilities([0.2, 0.9]).probs
    array([[0.8, 0.2],
           [0.1, 0.9]])
    """

    probs: np.ndarray
    classes: tuple = ()
    event: bool = field(default=False, init=False)
    _log: np.ndarray | None = field(default=None, repr=False)

    kind = "probabilities"

    def __post_init__(self) -> None:
        p = np.asarray(self.probs, dtype=np.float64)
        object.__setattr__(self, "event", p.ndim == 1)
        p = np.column_stack([1.0 - p, p]) if p.ndim == 1 else p
        _check_probabilities(p)
        object.__setattr__(self, "probs", p)
        object.__setattr__(self, "classes", tuple(self.classes) or tuple(range(p.shape[1])))
        if len(self.classes) != p.shape[1]:
            raise EvidenceError(
                "Probabilities",
                f"{len(self.classes)} class names for {p.shape[1]} columns",
                do="Pass one name a column",
            )

    @classmethod
    def from_logits(cls, logits, *, classes: tuple = (), event: bool = False) -> Probabilities:
        """Softmax of ``logits`` (n, k); log-probabilities stay exact where probabilities round."""
        z = np.asarray(logits, dtype=np.float64)
        if z.ndim != 2 or not np.isfinite(z).all():
            raise EvidenceError(
                "Probabilities.from_logits",
                f"logits must be finite and of shape (n, k); got shape {z.shape}",
                do="Pass one column a class, without NaN",
            )
        z = log_softmax(z)
        return _trusted(np.exp(z), tuple(classes) or tuple(range(z.shape[1])), event, z)

    def __len__(self) -> int:
        return len(self.probs)

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.probs.shape[1]

    def log_probs(self) -> np.ndarray:
        """Natural logarithms (n, k); a probability below 2.2e-16 counts as 2.2e-16."""
        return np.log(np.maximum(self.probs, EPS)) if self._log is None else self._log

    def take(self, index) -> Probabilities:
        """The rows of ``index``."""
        log = None if self._log is None else self._log[index]
        return _trusted(self.probs[index], self.classes, self.event, log)


@dataclass(frozen=True, eq=False)
class Points:
    """One number a case: ``values`` (n,), finite, in the unit of the truth."""

    values: np.ndarray
    kind = "points"

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _finite("Points", self.values, 1))

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index) -> Points:
        """The rows of ``index``."""
        return Points(self.values[index])


@dataclass(frozen=True, eq=False)
class Normal:
    """A normal law a case: ``mean`` (n,) and ``sd`` (n,), sd > 0."""

    mean: np.ndarray
    sd: np.ndarray
    kind = "normal"

    def __post_init__(self) -> None:
        mean, sd = _finite("Normal", self.mean, 1), _finite("Normal", self.sd, 1)
        _same_length("Normal", mean, sd)
        if (sd <= 0).any():
            _refuse_rows("Normal", "the sd must be positive", sd <= 0, sd)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "sd", sd)

    def __len__(self) -> int:
        return len(self.mean)

    def take(self, index) -> Normal:
        """The rows of ``index``."""
        return Normal(self.mean[index], self.sd[index])


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Quantiles a case: ``values`` (n, q) at rising ``levels`` (q,) in (0, 1).

    Crossing quantiles are data, not misuse: they are kept and reported.
    """

    levels: np.ndarray
    values: np.ndarray
    kind = "quantiles"

    def __post_init__(self) -> None:
        levels, values = _finite("Quantiles", self.levels, 1), _finite("Quantiles", self.values, 2)
        if values.shape[1] != len(levels) or (np.diff(levels) <= 0).any():
            raise EvidenceError(
                "Quantiles",
                f"levels {levels.tolist()} do not fit values of shape {values.shape}",
                do="Pass rising levels, one a column",
            )
        _inside("Quantiles", "levels", levels)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index) -> Quantiles:
        """The rows of ``index``."""
        return Quantiles(self.levels, self.values[index])


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members of equal standing a case: ``members`` (n, m), finite."""

    members: np.ndarray
    kind = "ensemble"

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", _finite("Ensemble", self.members, 2))

    def __len__(self) -> int:
        return len(self.members)

    def take(self, index) -> Ensemble:
        """The rows of ``index``."""
        return Ensemble(self.members[index])


@dataclass(frozen=True, eq=False)
class Intervals:
    """An interval a case: ``low`` <= ``high`` (n,) said to hold the truth with share ``level``."""

    low: np.ndarray
    high: np.ndarray
    level: float
    kind = "intervals"

    def __post_init__(self) -> None:
        low, high = _finite("Intervals", self.low, 1), _finite("Intervals", self.high, 1)
        _same_length("Intervals", low, high)
        _inside("Intervals", "level", np.array([self.level]))
        if (low > high).any():
            _refuse_rows("Intervals", "low must not be above high", low > high, low)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def __len__(self) -> int:
        return len(self.low)

    def take(self, index) -> Intervals:
        """The rows of ``index``."""
        return Intervals(self.low[index], self.high[index], self.level)


@dataclass(frozen=True, eq=False)
class Sets:
    """A set of classes a case: ``members`` (n, k) of bool, holding the truth with ``level``."""

    members: np.ndarray
    level: float
    kind = "sets"

    def __post_init__(self) -> None:
        members = np.asarray(self.members)
        if members.ndim != 2 or members.dtype != np.bool_:
            raise EvidenceError(
                "Sets",
                f"members must be bool of shape (n, k); got {members.dtype} {members.shape}",
                do="Pass one column a class, True where the class is in the set",
            )
        _inside("Sets", "level", np.array([self.level]))
        object.__setattr__(self, "members", members)

    def __len__(self) -> int:
        return len(self.members)

    def take(self, index) -> Sets:
        """The rows of ``index``."""
        return Sets(self.members[index], self.level)


Prediction = Probabilities | Points | Normal | Quantiles | Ensemble | Intervals | Sets


def log_softmax(z: np.ndarray) -> np.ndarray:
    """Log-probabilities of logits (n, k), without overflow."""
    z = z - z.max(axis=1, keepdims=True, initial=-np.inf)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _trusted(probs, classes: tuple, event: bool, log: np.ndarray | None) -> Probabilities:
    """Probabilities that are known to be valid."""
    made = object.__new__(Probabilities)
    for name, value in (("probs", probs), ("classes", classes), ("event", event), ("_log", log)):
        object.__setattr__(made, name, value)
    return made


def _check_probabilities(p: np.ndarray) -> None:
    if p.ndim != 2 or p.shape[1] < 2:
        raise EvidenceError(
            "Probabilities",
            f"shape must be (n,) or (n, k) with k >= 2; got {p.shape}",
            do="Pass one column a class, or one probability of the event a row",
        )
    if not np.isfinite(p).all():
        _refuse_rows("Probabilities", "NaN or infinite", ~np.isfinite(p).all(axis=1), p)
    outside = ((p < 0) | (p > 1)).any(axis=1)
    if outside.any():
        why = "outside [0, 1]; logits go through Probabilities.from_logits"
        _refuse_rows("Probabilities", why, outside, p)
    off = np.abs(p.sum(axis=1) - 1.0) > SUM_TOLERANCE
    if off.any():
        _refuse_rows("Probabilities", "rows must sum to one", off, p)


def _refuse_rows(who: str, what: str, bad: np.ndarray, values: np.ndarray) -> None:
    """Raise an error that names the first bad rows and shows the first bad value."""
    index = np.flatnonzero(bad)
    first = np.array2string(values[index[0]], precision=6, threshold=8)
    raise EvidenceError(
        who,
        f"{what}: {len(index)} of {len(bad)} rows, the first at {index[:5].tolist()} with {first}",
        do="Mend or drop these rows",
    )


def _finite(who: str, values, ndim: int) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim:
        raise EvidenceError(
            who, f"needs {ndim} dimension(s); got shape {array.shape}", do="Reshape the values"
        )
    bad = ~np.isfinite(array)
    if bad.any():
        _refuse_rows(who, "NaN or infinite", bad if ndim == 1 else bad.any(axis=1), array)
    return array


def _same_length(who: str, a: np.ndarray, b: np.ndarray) -> None:
    if len(a) != len(b):
        raise EvidenceError(
            who, f"lengths differ: {len(a)} and {len(b)}", do="Pass one value a row in both"
        )


def _inside(who: str, name: str, levels: np.ndarray) -> None:
    if ((levels <= 0) | (levels >= 1)).any():
        raise EvidenceError(
            who, f"{name} must lie in (0, 1); got {levels.tolist()}", do="Pass 0.9 for 90 %"
        )
