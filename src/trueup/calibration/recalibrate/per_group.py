"""A correction of its own for every group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from trueup.calibration.recalibrate.grouping import check_column, groups_of, key_of
from trueup.calibration.recalibrate.platt import PlattScaling
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort
from trueup.core.evidence import Evidence
from trueup.core.expressions import Choose, Expr
from trueup.core.fitted import AbstractMap


CARD = Card(
    name="PerGroup",
    question="calibration",
    family="recalibrate",
    summary="any correction, learned for each group by itself; strangers take the pooled one",
    axes={"map": "that of the base", "loss": "that of the base", "grouping": "a map a group"},
    paper="Hebert-Johnson, Kim, Reingold & Rothblum 2018, ICML, arXiv:1711.08513",
    claims=("corrects every group",),
    cost="that of the base; applying costs that of the base times the number of groups",
    not_for="groups of fewer than a few hundred rows: see HierarchicalPlatt; hundreds of groups",
)


@dataclass(frozen=True)
class PerGroup(AbstractCorrection):
    """Fit ``base`` on every group of a column, and on all rows for groups never seen.

    Use it where a model is over-confident in one region and timid in another: no map of the
    probability alone can mend both. Groups that do not overlap make it the simplest form of
    multi-calibration, which is why a single pass is enough.

    A group with less weight than ``least``, or on which the base has no minimum, takes the pooled
    map; so do rows whose group is missing or was never seen, which ``Fitted.unseen`` tells.

    Parameters
    ----------
    column
        Name of the column of groups, in ``Evidence.by`` and in tables.
    base
        The correction that each group gets.
    least
        Least weight of a group that gets a map of its own.

    Examples
    --------
    >>> from trueup.core import Evidence, Probabilities
    >>> from trueup.worlds import confident_by_factor
    >>> e = confident_by_factor(2.0, rows=20_000).evidence
    >>> region = np.where(np.arange(20_000) % 2, "north", "south")
    >>> said = np.where(region == "north", e.prediction.probs[:, 1], 0.5)
    >>> learn = Evidence(Probabilities(said), e.truth, by={"region": region})
    >>> fitted = PerGroup("region").fit(learn)
    >>> two = np.array(["north", "south"])
    >>> fitted.apply(Probabilities([0.85, 0.85]), region=two).probs.round(1)
    array([[0.3, 0.7],
           [0.5, 0.5]])
    >>> fitted.unseen(region=np.array(["north", "east"]))
    array([False,  True])
    """

    column: str
    base: AbstractCorrection = field(default_factory=PlattScaling)
    least: float = 20.0
    reads: ClassVar[tuple[str, ...]] = ("by",)
    effort: ClassVar[Effort] = Effort.ASKED

    def __post_init__(self) -> None:
        check_column("PerGroup", self.column)

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        names, group = groups_of("PerGroup", evidence, self.column)
        pooled, converged = self.base.learn_from(evidence, weight)
        maps = [pooled] * len(names)
        for g, mass in enumerate(np.bincount(group[group >= 0], weight[group >= 0], len(names))):
            if mass >= self.least:
                rows = np.flatnonzero((group == g) & (weight > 0))
                found, has_minimum = self.base.learn_from(evidence.take(rows), weight[rows])
                maps[g] = found if has_minimum else pooled
        return GroupMaps(self.column, names, tuple(maps), pooled), converged


@dataclass(frozen=True)
class GroupMaps(AbstractMap):
    """A map a group of ``column``; ``pooled`` for every other group.

    Parameters
    ----------
    column
        Name of the column.
    names, maps
        (g,) names of groups and their maps.
    pooled
        The map of rows of no such group.
    """

    column: str
    names: tuple[str, ...]
    maps: tuple[AbstractMap, ...]
    pooled: AbstractMap

    def expression(self, logs: Expr) -> Expr:
        other = self.pooled.expression(logs)
        made = tuple(other if m is self.pooled else m.expression(logs) for m in self.maps)
        return Choose(key_of(self.column), self.names, (*made, other))

    @property
    def parameters(self) -> dict[str, float]:
        own = sum(m is not self.pooled for m in self.maps)
        return {"groups": float(len(self.names)), "maps": float(own), **self.pooled.parameters}
