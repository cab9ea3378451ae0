"""The kinds of prediction: a closed set of frozen, validated containers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.probabilities import Probabilities
from trueup.core.validate import finite, inside, refuse_rows, same_length


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


Prediction = Probabilities | Points | Normal | Quantiles | Ensemble | Intervals | Sets
