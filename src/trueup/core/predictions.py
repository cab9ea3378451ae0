"""The kinds of prediction: a closed set of frozen, validated containers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.validate import (
    check_probabilities,
    finite,
    inside,
    refuse_rows,
    refuse_shares,
    same_length,
)


EPS = 1e-12
"""Smallest probability inside a logarithm: the same for float32 and float64 input.

Published numbers that we reproduce count so; with 2.2e-16 a few rows of an over-confident model
pull its temperature up by a quarter (naive Bayes on digits: 7.1 instead of 5.7).
"""


@dataclass(frozen=True, eq=False, init=False)
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
    said
        What was passed: (n, k), or (n,) of an event. Single precision stays as it is until
        something asks for more: half the memory to read.
    event
        True where one probability a row was given: measures then speak of the event, else of the
        class that wins.

    Examples
    --------
    >>> Probabilities([0.2, 0.9]).probs
    array([[0.8, 0.2],
           [0.1, 0.9]])
    """

    said: np.ndarray
    classes: tuple
    event: bool
    _log: np.ndarray | None = field(repr=False)

    kind = "probabilities"

    def __init__(self, probs, classes: tuple = ()) -> None:
        p = np.asarray(probs)
        p = p if p.dtype == np.float32 else p.astype(np.float64, copy=False)
        check_probabilities(p)
        vars(self).update(said=p, event=p.ndim == 1, _log=None)
        vars(self).update(classes=tuple(classes) or tuple(range(self.k)))
        if len(self.classes) != self.k:
            raise EvidenceError(
                "Probabilities",
                f"{len(self.classes)} class names for {self.k} columns",
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
        if z.shape[1] < 2 or len(classes) not in (0, z.shape[1]):
            raise EvidenceError(
                "Probabilities.from_logits",
                f"{z.shape[1]} column(s) of logits for classes {list(classes)}",
                do="Pass one column a class, two at least, and one name a column",
            )
        refuse_shares("Probabilities.from_logits", z)
        z = log_softmax(z)
        return trusted(np.exp(z), tuple(classes) or tuple(range(z.shape[1])), event, z)

    def __len__(self) -> int:
        return len(self.said)

    @property
    def k(self) -> int:
        """Number of classes."""
        return 2 if self.said.ndim == 1 else self.said.shape[1]

    @cached_property
    def probs(self) -> np.ndarray:
        """Probabilities (n, k) of all classes in double precision."""
        p = self.said.astype(np.float64, copy=False)
        return _both(p) if p.ndim == 1 else p

    @property
    def chance(self) -> np.ndarray:
        """Probability (n,) of the event: of the last class."""
        p = self.said if self.said.ndim == 1 else self.said[:, -1]
        return p.astype(np.float64, copy=False)

    @property
    def exact_logs(self) -> np.ndarray | None:
        """Log-probabilities (n, k) where the prediction was made from logits, else None."""
        return self._log

    def log_probs(self) -> np.ndarray:
        """Natural logarithms (n, k); a probability below 1e-12 counts as 1e-12."""
        if self._log is not None:
            return self._log
        wide = self.probs if self.said.ndim == 1 else self.said
        logs = np.maximum(wide, EPS, dtype=np.float64)
        return np.log(logs, out=logs)

    def take(self, index) -> Probabilities:
        """The rows of ``index``."""
        log = None if self._log is None else self._log[index]
        return trusted(self.said[index], self.classes, self.event, log)


@dataclass(frozen=True, eq=False)
class Points:
    """One number a case: ``values`` (n,), finite, in the unit of the truth."""

    values: np.ndarray
    kind = "points"

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", finite("Points", self.values, 1))

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index) -> Points:
        """The rows of ``index``."""
        return _with(self, values=self.values[index])


@dataclass(frozen=True, eq=False)
class Normal:
    """A normal law a case: ``mean`` (n,) and ``sd`` (n,), sd > 0."""

    mean: np.ndarray
    sd: np.ndarray
    kind = "normal"

    def __post_init__(self) -> None:
        mean, sd = finite("Normal", self.mean, 1), finite("Normal", self.sd, 1)
        same_length("Normal", mean, sd)
        if (sd <= 0).any():
            refuse_rows("Normal", "the sd must be positive", sd <= 0, sd)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "sd", sd)

    def __len__(self) -> int:
        return len(self.mean)

    def take(self, index) -> Normal:
        """The rows of ``index``."""
        return _with(self, mean=self.mean[index], sd=self.sd[index])


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Quantiles a case: ``values`` (n, q) at rising ``levels`` (q,) in (0, 1).

    Crossing quantiles are data, not misuse: they are kept and reported.
    """

    levels: np.ndarray
    values: np.ndarray
    kind = "quantiles"

    def __post_init__(self) -> None:
        levels, values = finite("Quantiles", self.levels, 1), finite("Quantiles", self.values, 2)
        if not len(levels) or values.shape[1] != len(levels) or (np.diff(levels) <= 0).any():
            raise EvidenceError(
                "Quantiles",
                f"levels {levels.tolist()} do not fit values of shape {values.shape}",
                do="Pass rising levels, one a column",
            )
        inside("Quantiles", "levels", levels)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index) -> Quantiles:
        """The rows of ``index``."""
        return _with(self, values=self.values[index])


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members of equal standing a case: ``members`` (n, m), finite."""

    members: np.ndarray
    kind = "ensemble"

    def __post_init__(self) -> None:
        members = finite("Ensemble", self.members, 2)
        if not members.shape[1]:
            raise EvidenceError(
                "Ensemble",
                f"shape must be (n, m) with m >= 1; got {members.shape}",
                do="Pass one column a member",
            )
        object.__setattr__(self, "members", members)

    def __len__(self) -> int:
        return len(self.members)

    def take(self, index) -> Ensemble:
        """The rows of ``index``."""
        return _with(self, members=self.members[index])


@dataclass(frozen=True, eq=False)
class Intervals:
    """An interval a case: ``low`` <= ``high`` (n,) said to hold the truth with share ``level``."""

    low: np.ndarray
    high: np.ndarray
    level: float
    kind = "intervals"

    def __post_init__(self) -> None:
        low, high = finite("Intervals", self.low, 1), finite("Intervals", self.high, 1)
        same_length("Intervals", low, high)
        inside("Intervals", "level", np.array([self.level]))
        if (low > high).any():
            refuse_rows("Intervals", "low must not be above high", low > high, low)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def __len__(self) -> int:
        return len(self.low)

    def take(self, index) -> Intervals:
        """The rows of ``index``."""
        return _with(self, low=self.low[index], high=self.high[index])


@dataclass(frozen=True, eq=False)
class Sets:
    """A set of classes a case: ``members`` (n, k) of bool, holding the truth with ``level``.

    ``classes`` names the k classes; empty means 0 .. k - 1.

    Examples
    --------
    >>> made = Sets([[True, False], [True, True]], 0.9, classes=("cat", "dog"))
    >>> made.names()
    [('cat',), ('cat', 'dog')]
    """

    members: np.ndarray
    level: float
    classes: tuple = ()
    kind = "sets"

    def __post_init__(self) -> None:
        members = np.asarray(self.members)
        if members.ndim != 2 or members.dtype != np.bool_:
            raise EvidenceError(
                "Sets",
                f"members must be bool of shape (n, k); got {members.dtype} {members.shape}",
                do="Pass one column a class, True where the class is in the set",
            )
        inside("Sets", "level", np.array([self.level]))
        object.__setattr__(self, "members", members)
        object.__setattr__(self, "classes", tuple(self.classes) or tuple(range(self.k)))
        if len(self.classes) != self.k:
            raise EvidenceError(
                "Sets",
                f"{len(self.classes)} class names for {self.k} columns",
                do="Pass one name a column",
            )

    def __len__(self) -> int:
        return len(self.members)

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.members.shape[1]

    def names(self) -> list[tuple]:
        """The classes of every set."""
        return [tuple(c for c, held in zip(self.classes, row, strict=True) if held)
                for row in self.members.tolist()]  # fmt: skip

    def take(self, index) -> Sets:
        """The rows of ``index``."""
        return _with(self, members=self.members[index])


def _with(prediction, **columns: np.ndarray):
    """The prediction with other ``columns``, which are known to be valid."""
    made = object.__new__(type(prediction))
    for name, value in (vars(prediction) | columns).items():
        object.__setattr__(made, name, value)
    return made


def _both(p: np.ndarray) -> np.ndarray:
    """(n, 2) probabilities of the event's absence and of the event."""
    both = np.empty((len(p), 2))
    np.subtract(1.0, p, out=both[:, 0])
    both[:, 1] = p
    return both


Prediction = Probabilities | Points | Normal | Quantiles | Ensemble | Intervals | Sets


def log_softmax(z: np.ndarray) -> np.ndarray:
    """Log-probabilities of logits (n, k), without overflow."""
    z = z - z.max(axis=1, keepdims=True, initial=-np.inf)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def trusted(probs, classes: tuple, event: bool, log: np.ndarray | None) -> Probabilities:
    """Probabilities that are known to be valid."""
    made = object.__new__(Probabilities)
    vars(made).update(said=probs, classes=classes, event=event, _log=log)
    return made
