"""A correction of its own for every group, of probabilities and of forecasts of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from trueup.calibration.distributions.bias_correction import BiasCorrection
from trueup.calibration.distributions.spread_scaling import SpreadScaling
from trueup.calibration.recalibrate.credibility import Trialled, best_prior, credibility, halves
from trueup.calibration.recalibrate.grouping import check_column, groups_of, key_of
from trueup.calibration.recalibrate.platt import PlattScaling
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort
from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.expressions import Expr, Scaled, by_group, operate
from trueup.core.fitted import AbstractMap, Fitted
from trueup.core.forms import Form, columns_of, form_of
from trueup.core.laws import NUMBERS
from trueup.core.probabilities import Probabilities


CARD = Card(
    name="PerGroup",
    question="calibration",
    family="recalibrate",
    summary="any correction, learned for each group by itself or drawn towards that of all",
    axes={
        "map": "that of the base",
        "loss": "that of the base",
        "grouping": "a map a group, or a mixture of it and the pooled one",
    },
    paper="Hebert-Johnson, Kim, Reingold & Rothblum 2018, ICML, arXiv:1711.08513; Buhlmann 1967, "
    "ASTIN Bulletin 4(3) (the share n / (n + k))",
    claims=("corrects every group", "draws small groups towards all"),
    cost="that of the base on all rows and on every group, three times that with a learned prior; "
    "applying costs no more with more groups, but for maps with knots",
    not_for="groups of fewer than a few hundred rows without a prior; shifts that differ from all "
    "others in a few groups only, which a common prior draws back too far",
)


@dataclass(frozen=True)
class PerGroup(AbstractCorrection):
    r"""Fit ``base`` on every group of a column, and on all rows for groups never seen.

    Use it where a model is over-confident in one region and timid in another, or a forecast too low
    at one station and too narrow at the next: no map of the prediction alone can mend both. Groups
    that do not overlap make it the simplest form of multi-calibration, which is why a single pass
    is enough.

    A group with less weight than ``least``, or on which the base has no minimum, takes the pooled
    map; so do rows whose group is missing or was never seen, which ``Fitted.unseen`` tells.

    With a ``prior`` of k rows group g, of weight :math:`n_g`, is believed as far as its rows allow:
    its columns (log-probabilities; mean and sd; quantiles, members, ends) become

    .. math:: z_g x_g + (1 - z_g) x, \quad z_g = n_g / (n_g + k),

    with :math:`x_g` from its own map and :math:`x` from the pooled one. That is the credibility of
    actuaries, where k is the variance within groups over that between them. Learned, k is the one
    of least loss on one half of the rows, with all maps from the other half, and the other way
    round: it stays infinite, and every map the pooled one, where groups do not differ.

    Parameters
    ----------
    column
        Name of the column of groups, in ``Evidence.by`` and in tables.
    base
        The correction that each group gets. None takes the usual one: Platt scaling of
        probabilities, a shift of points, a shift and a factor of the spread of other forecasts.
    least
        Least weight of a group that gets a map of its own.
    prior
        Rows that the pooled map counts for, at least 0; 0 leaves each group to itself, None learns
        it.

    Examples
    --------
    >>> from trueup.core import Evidence, Normal, Probabilities
    >>> from trueup.worlds import confident_by_factor, forecasts
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

    Forecasts of numbers, too narrow in the north alone:

    >>> world = forecasts("normal", spread=np.where(region == "north", 0.5, 1.0), rows=20_000)
    >>> learn = Evidence(world.evidence.prediction, world.evidence.truth, by={"region": region})
    >>> fitted = PerGroup("region", prior=None).fit(learn)
    >>> fitted.apply(Normal([0.0, 0.0], [1.0, 1.0]), region=two).sd.round(1)
    array([2., 1.])
    """

    column: str
    base: AbstractCorrection | None = None
    least: float = 20.0
    prior: float | None = 0.0
    kinds: ClassVar[tuple[str, ...]] = (Probabilities.kind, *NUMBERS)
    reads: ClassVar[tuple[str, ...]] = ("by",)
    effort: ClassVar[Effort] = Effort.ASKED

    def __post_init__(self) -> None:
        check_column("PerGroup", self.column)
        if self.prior is not None and not self.prior >= 0:
            raise FitError(
                "PerGroup",
                f"prior is {self.prior}",
                do="Pass a number of rows, at least 0, or None to learn it",
            )

    def gives(self, takes: Form) -> Form:
        return self._base(takes.kind).gives(takes)

    def _base(self, kind: str) -> AbstractCorrection:
        """What each group gets; the usual one of the kind where none was named."""
        if self.base is not None:
            return self.base
        usual = {Probabilities.kind: PlattScaling(), "points": BiasCorrection()}
        return usual.get(kind) or SpreadScaling(shift="constant")

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        kind = evidence.prediction.kind
        base = self._base(kind)
        if kind not in base.kinds:
            raise FitError(
                "PerGroup.fit",
                f"{type(base).__name__} corrects no {kind}",
                do=f"Pass a base for {kind}",
            )
        names, group = groups_of("PerGroup", evidence, self.column)
        rows = evidence, weight, group
        pooled, maps, mass, converged = self._maps(base, *rows, len(names), self.least)
        prior = self.prior
        if prior is None:
            parts = self._trials(base, *rows, len(names))
            prior = best_prior(parts, self.gives(form_of(evidence.prediction)))
        own = np.array([found is not pooled for found in maps], dtype=bool)
        shares = np.where(own, credibility(mass, prior), 0.0)
        return GroupMaps(self.column, names, maps, pooled, shares), converged

    def _maps(self, base: AbstractCorrection, evidence: Evidence, weight, group, count, least):
        """The pooled map, a map a group, the weight behind each, and whether the first is one."""
        pooled, converged = base.learn_from(evidence, weight)
        maps, mass = [pooled] * count, np.bincount(group[group >= 0], weight[group >= 0], count)
        for g in np.flatnonzero(mass >= least):
            rows = np.flatnonzero((group == g) & (weight > 0))
            found = _learned(base, evidence.take(rows), weight[rows]) if len(rows) else None
            maps[g] = pooled if found is None else found
        return pooled, tuple(maps), mass, converged

    def _trials(self, base: AbstractCorrection, evidence: Evidence, weight, group, count: int):
        """Both halves of the rows, judged by maps of the other half."""
        found, takes = [], form_of(evidence.prediction)
        every = tuple(map(str, range(count)))
        for learn in halves(evidence, weight):
            on = np.flatnonzero(~learn & (group >= 0) & (weight > 0))
            if not (weight[learn] > 0).any() or not len(on):
                continue
            # A group that has a map of its own has one here as well, from half of its rows.
            taught = evidence.take(learn), weight[learn], group[learn]
            pooled, maps, mass, _ = self._maps(base, *taught, count, self.least / 2)
            both = (pooled, GroupMaps(self.column, every, maps, pooled))
            new = evidence.prediction.take(on)
            said = [Fitted("PerGroup", each, takes, taught[0].rows, True, self.gives(takes))
                    for each in both]  # fmt: skip
            known = ({}, {self.column: group[on]})
            made = [columns_of(each.apply(new, **read))
                    for each, read in zip(said, known, strict=True)]  # fmt: skip
            found.append(Trialled(*made, evidence.truth[on], weight[on], mass[group[on]]))
        return found


def _learned(base: AbstractCorrection, evidence: Evidence, weight) -> AbstractMap | None:
    """The map of a group; None where it has too few rows for one, or the fit has no minimum."""
    try:
        found, has_minimum = base.learn_from(evidence, weight)
    except FitError:
        return None
    return found if has_minimum else None


@dataclass(frozen=True, eq=False)
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
    shares
        (g,) share of its own map that each group takes, the rest being the pooled one; empty means
        all of it.
    """

    column: str
    names: tuple[str, ...]
    maps: tuple[AbstractMap, ...]
    pooled: AbstractMap
    shares: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def of(self) -> str:  # type: ignore[override]
        """What the maps read."""
        return self.pooled.of

    @property
    def own(self) -> tuple[str, ...]:
        """Names of the groups that have a map of their own."""
        shares = self.shares if len(self.shares) else np.ones(len(self.names))
        rows = zip(self.names, self.maps, shares.tolist(), strict=True)
        return tuple(name for name, each, share in rows if each is not self.pooled and share > 0)

    def expression(self, logs: Expr) -> Expr:
        other = self.pooled.expression(logs)
        made = [other if m is self.pooled else m.expression(logs) for m in self.maps]
        if ((self.shares > 0) & (self.shares < 1)).any():
            # The same two terms for all, so that their numbers can be looked up.
            shares = [*self.shares.tolist(), 0.0]
            made = [
                operate("add", Scaled(each, share), Scaled(other, 1.0 - share))
                for each, share in zip((*made, other), shares, strict=True)
            ]
            other = made.pop()
        elif len(self.shares):
            rows = zip(made, self.shares.tolist(), strict=True)
            made = [each if share else other for each, share in rows]
        return by_group(key_of(self.column), self.names, (*made, other))

    @property
    def parameters(self) -> dict[str, float]:
        return {
            "groups": float(len(self.names)),
            "maps": float(len(self.own)),
            **self.pooled.parameters,
        }
