"""Venn-ABERS: two probabilities a score, one of which is calibrated whatever the model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from trueup.calibration.recalibrate.steps import Steps, distinct
from trueup.calibration.recalibrate.venn_sweep import probabilities_if_event
from trueup.core.cards import Card
from trueup.core.effort import Effort
from trueup.core.errors import UsageError
from trueup.core.events import AbstractEventCorrection, AbstractEventMap
from trueup.core.expressions import Expr, Join, Piecewise, Scaled, Total, operate
from trueup.core.fitted import AbstractMap


CARD = Card(
    name="VennAbers",
    question="calibration",
    family="recalibrate",
    summary="isotonic twice, as if the row were an event and as if not: calibrated at any size",
    axes={"map": "two curves of steps", "loss": "squared", "grouping": "one versus rest, pairs"},
    paper="Vovk, Petej & Fedorova 2015, NeurIPS, arXiv:1511.00213",
    mission=(20,),
    claims=("never falls", "holds its validity theorem"),
    cost="O(n log n); times k for k > 2 classes, k (k - 1) / 2 in pairs",
    not_for="fewer than about fifty rows: the two probabilities lie far apart",
)


@dataclass(frozen=True)
class VennAbers(AbstractEventCorrection):
    r"""Map a score to the interval (p0, p1) and to the one number p1 / (1 - p0 + p1).

    ``p1`` is the isotonic curve at the score if a row with this score that is an event is added to
    the evidence, ``p0`` the same with one that is not. Of the two, the one that belongs to what
    will happen is perfectly calibrated in finite samples, whatever the model, if rows are
    exchangeable. The width p1 - p0 tells how little is known at this score, see ``interval`` of the
    map. The merged number minimises the largest regret in log loss; its log-odds are
    :math:`\ln p_1 - \ln(1 - p_0)`, so it is never 0 or 1.

    Both curves are steps, made in one sweep along the greatest convex minorant of the cumulated
    outcomes: the added row moves from left to right and only ever bends the minorant where it
    stands. With more than two classes each is mapped against the rest, or all pairs are mapped and
    coupled as ``p_i = 1 / (sum_j 1 / r_ij - (k - 2))`` (Manokhin 2017, PMLR 60).

    Parameters
    ----------
    folds
        With more than one, the evidence is cut in as many parts and their curves merged by
        geometric means, as cross Venn-ABERS does: smoother, without the theorem.
    pairs
        Whether several classes are compared in pairs.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=50_000)
    >>> fitted = VennAbers().fit(world.evidence)
    >>> low, high = fitted.map.interval([np.log(9.0)])[0]       # it said 0.9; true is 0.75
    >>> bool(low < high < low + 0.01 and abs(high - 0.75) < 0.05)
    True
    """

    folds: int = 1
    pairs: bool = False
    effort: ClassVar[Effort] = Effort.HEAVY  # one versus rest of many classes costs as much

    def __post_init__(self) -> None:
        if self.folds < 1:
            raise UsageError(
                "VennAbers", f"folds is {self.folds}", do="Pass a whole number of at least 1"
            )

    def learn_event(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray):
        x, mass, events = distinct(x, y, weight)
        parts = min(self.folds, len(x))
        made = [_curves(x[i::parts], mass[i::parts], events[i::parts]) for i in range(parts)]
        return made[0] if parts == 1 else CrossCurves(tuple(made)), True

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        k = logs.shape[1]
        if k == 2 or not self.pairs:
            return super().learn(logs, truth, weight)
        maps = []
        for i, j in combinations(range(k), 2):
            rows = ((truth == i) | (truth == j)) & (weight > 0)
            x = logs[:, i] - logs[:, j]
            y = (truth == i).astype(float)
            # Of two classes that never happened nothing is known: the pair says one half.
            maps.append(self.learn_event(x[rows], y[rows], weight[rows])[0] if rows.any()
                        else Steps(np.zeros(0), np.zeros(1)))  # fmt: skip
        return Pairs(k, tuple(maps)), True


@dataclass(frozen=True, eq=False)
class VennCurves(AbstractEventMap):
    """Two curves of steps between ``edges``: the event's probability if a row is none, and is one.

    Parameters
    ----------
    edges
        (m,) rising log-odds where a curve steps; an edge belongs to the level above it.
    lower, upper
        (m + 1,) p0 and p1.
    """

    edges: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def odds(self, x: Expr) -> Expr:
        merged = np.log(self.upper) - np.log1p(-self.lower)
        return Piecewise(x, self.edges, merged[:, None])

    def interval(self, odds) -> np.ndarray:
        """p0 and p1 (n, 2) at log-odds ``odds`` (n,)."""
        step = np.searchsorted(self.edges, np.asarray(odds, dtype=np.float64), side="right")
        return np.column_stack([self.lower[step], self.upper[step]])

    @property
    def parameters(self) -> dict[str, float]:
        return {"steps": float(len(self.lower))}


@dataclass(frozen=True)
class CrossCurves(AbstractEventMap):
    """The geometric means of p1 and of 1 - p0 over ``parts``, brought to sum to one."""

    parts: tuple[VennCurves, ...]

    def odds(self, x: Expr) -> Expr:
        total = Total(Join(tuple(part.odds(x) for part in self.parts)))
        return Scaled(total, 1.0 / len(self.parts))

    @property
    def parameters(self) -> dict[str, float]:
        return {"steps": float(sum(len(part.lower) for part in self.parts))}


@dataclass(frozen=True)
class Pairs(AbstractMap):
    """A map a pair of classes i < j, of the log-odds of i against j, coupled over all pairs."""

    k: int
    maps: tuple[AbstractEventMap, ...]

    def expression(self, logs: Expr) -> Expr:
        odds: dict[int, list[Expr]] = {i: [Scaled(logs[0], 0.0)] for i in range(self.k)}
        for (i, j), m in zip(combinations(range(self.k), 2), self.maps, strict=True):
            x = m.odds(operate("subtract", logs[i], logs[j]))
            odds[i].append(Scaled(x, -1.0))
            odds[j].append(x)
        # 1 / p_i = 1 + sum over j of exp(-x_ij): the sum of 1 / r_ij, less k - 2.
        totals = [operate("log", Total(operate("exp", Join(tuple(xs))))) for xs in odds.values()]
        return Scaled(Join(tuple(totals)), -1.0)

    @property
    def parameters(self) -> dict[str, float]:
        return {
            f"{name}[{p}]": v for p, m in enumerate(self.maps) for name, v in m.parameters.items()
        }


TIE = 1e-10
"""Scores closer than this, relative to 1, are one score: engines differ in the last digits."""


def _curves(x: np.ndarray, mass: np.ndarray, events: np.ndarray) -> VennCurves:
    """The curves from distinct log-odds ``x`` with their weights and their weighted events."""
    upper = probabilities_if_event(mass, events)
    lower = 1.0 - probabilities_if_event(mass[::-1], (mass - events)[::-1])[::-1]
    # At a score both curves are its own; between two, p0 is that of the lower and p1 of the upper.
    at0, at1 = np.append(0.0, np.repeat(lower, 2)), np.append(np.repeat(upper, 2), 1.0)
    near = TIE * np.maximum(1.0, np.abs(x))
    gap = np.diff(x) / 2
    left, right = near.copy(), near.copy()
    left[1:], right[:-1] = np.minimum(left[1:], gap), np.minimum(right[:-1], gap)
    edges = np.column_stack([x - left, x + right]).ravel()
    change = (np.diff(at0) != 0) | (np.diff(at1) != 0)
    keep = np.append(True, change)
    return VennCurves(edges[change], at0[keep], at1[keep])
