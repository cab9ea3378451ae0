"""The score of exact finite-sample rank, and what is inside of it: the same for all, by group."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.grouping import key_of
from trueup.core.errors import FitError, UsageError
from trueup.core.expressions import AtLeast, Expr, Lookup, Piecewise, operate
from trueup.core.saved import Saved


EVERY = -1e9
"""A threshold that every class passes: where too few rows stand behind a better one."""

ROUNDING = 1e-12
"""Relative error of a product of a decimal level and a count: 0.55 * 20 is above 11."""


def least_score(
    scores: np.ndarray, weight: np.ndarray, *, level: float, extra: float = 1.0
) -> float:
    r"""The greatest score t with :math:`\sum_{s_i \ge t} w_i \ge \mathrm{level}\,(W + w)`.

    With weights 1 it is the score of rank :math:`\lceil \mathrm{level}(n+1) \rceil` from above: a
    new score that is exchangeable with these is at least t with probability ``level`` or more, and
    less than ``level`` + 1 / (n + 1) where no two are equal. ``EVERY`` where the rows are too few.

    Parameters
    ----------
    scores, weight
        (n,) scores, the higher the more usual, and how often each counts.
    level
        In (0, 1).
    extra
        Weight w of the new row.

    Examples
    --------
    >>> least_score(np.arange(1.0, 10.0), np.ones(9), level=0.8)
    2.0
    """
    need = level * (weight.sum() + extra) * (1 - ROUNDING)
    n = len(scores)
    if need > weight.sum():
        return EVERY
    if (weight == 1).all():
        place = n - int(np.ceil(need))
        return float(np.partition(scores, place)[place])
    order = np.argsort(-scores)
    return float(scores[order][np.searchsorted(np.cumsum(weight[order]), need)])


def least_by(scores, weight, group: np.ndarray, *, groups: int, level: float) -> np.ndarray:
    """The threshold (groups,) of every group; rows of group -1 belong to none."""
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(groups + 1))
    parts = [order[ends[g] : ends[g + 1]] for g in range(groups)]
    return np.array([least_score(scores[i], weight[i], level=level) for i in parts])


def refuse_too_few(who: str, most: float, *, level: float, of: str = "") -> None:
    """Say how far so many rows reach."""
    reach, need = most / (most + 1), int(np.ceil(level / (1 - level) * (1 - ROUNDING)))
    raise FitError(
        who,
        f"{most:g} rows{of} reach the level {np.floor(reach * 1e6) / 1e6:g} at most, n / (n + 1); "
        f"asked for {level:g}",
        why=f"level {level:g} needs {need:,} of them",
        do="Pass more rows or a lower level",
    )


def check_level(who: str, level: float) -> None:
    """Refuse a level outside (0, 1)."""
    if not 0 < level < 1:
        raise UsageError(who, f"level is {level}", do="Pass a share in (0, 1), such as 0.9")


class AbstractThreshold(Saved, ABC):
    """Which classes are inside, by their scores."""

    @abstractmethod
    def inside(self, scores: Expr) -> Expr:
        """1 for a class inside, else 0, from scores of k columns."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, float]:
        """The few numbers worth showing."""


@dataclass(frozen=True, eq=False)
class ByClass(AbstractThreshold):
    """Thresholds (k,), one a class; or (1,) of all classes.

    ``cluster`` tells the cluster of every class where they were clustered, -1 for none.
    """

    values: np.ndarray
    cluster: tuple[int, ...] = ()

    def inside(self, scores: Expr) -> Expr:
        return AtLeast(scores, self.values)

    @property
    def always(self) -> tuple[int, ...]:
        """Classes that are in every set, since too few rows stand behind them."""
        return tuple(np.flatnonzero(self.values == EVERY).tolist())

    @property
    def parameters(self) -> dict[str, float]:
        if len(self.values) == 1:
            return {"threshold": float(self.values[0])}
        if self.cluster:
            clusters, alone = len({*self.cluster} - {-1}), self.cluster.count(-1)
            counts = {"clusters": clusters, "classes without a cluster": alone}
        else:
            counts = {"classes always inside": len(self.always)}
        return _span(self.values) | {name: float(count) for name, count in counts.items()}


@dataclass(frozen=True, eq=False)
class ByGroup(AbstractThreshold):
    """Thresholds (g + 1,) of the groups ``names`` of ``column``; the last for every other."""

    column: str
    names: tuple[str, ...]
    values: np.ndarray

    def inside(self, scores: Expr) -> Expr:
        own = Lookup(key_of(self.column), self.names, self.values[:, None])
        # The sign of a rounded difference is that of the exact one.
        return AtLeast(operate("subtract", scores, own), 0.0)

    @property
    def parameters(self) -> dict[str, float]:
        whole = float((self.values[:-1] == EVERY).sum())
        return {**_span(self.values[:-1]), "groups with every class": whole}


@dataclass(frozen=True, eq=False)
class ByRatio(AbstractThreshold):
    """A threshold that falls as the likelihood ratio of the row rises.

    Parameters
    ----------
    ratio
        The ratio of the row, one column.
    edges
        (m,) rising ratios from which the next threshold holds.
    values
        (m + 1,) falling thresholds.
    """

    ratio: Expr
    edges: np.ndarray
    values: np.ndarray

    def inside(self, scores: Expr) -> Expr:
        own = Piecewise(self.ratio, self.edges, self.values[:, None])
        return AtLeast(operate("subtract", scores, own), 0.0)

    @property
    def parameters(self) -> dict[str, float]:
        whole = self.edges[-1] if len(self.edges) else 0.0
        return {"greatest threshold": float(self.values[0]), "every class from ratio": float(whole)}


def _span(values: np.ndarray) -> dict[str, float]:
    own = values[values != EVERY]
    return {"least threshold": float(own.min()), "greatest threshold": float(own.max())}
