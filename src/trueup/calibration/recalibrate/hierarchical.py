"""A line a group, drawn towards the line of all groups as far as the evidence allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.recalibrate.grouping import check_column, groups_of, key_of
from trueup.calibration.recalibrate.shrinkage import learn_lines
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort
from trueup.core.events import AbstractEventMap, OneVersusRest, log_odds
from trueup.core.evidence import Evidence
from trueup.core.expressions import Expr, Lookup, operate
from trueup.core.fitted import AbstractMap
from trueup.core.probabilities import Probabilities


CARD = Card(
    name="HierarchicalPlatt",
    question="calibration",
    family="recalibrate",
    summary="a slope and a shift for every group, shrunk to the pooled ones: for many small groups",
    axes={"map": "scale and shift", "loss": "log loss", "grouping": "shrunk across groups"},
    paper="Morris 1983, JASA 78(381); Breslow & Clayton 1993, JASA 88(421), section 2",
    claims=("beats pooled and separate fits of small groups",),
    cost="O(n) a step, some hundred steps; times k for k > 2 classes",
    not_for="fewer than about five groups, from which no spread can be learned",
)


@dataclass(frozen=True)
class HierarchicalPlatt(AbstractCorrection):
    r"""Give group g the log-odds :math:`a_g + b_g x`, with slopes and shifts from one normal law.

    Parametric empirical Bayes: :math:`\theta_g = (a_g, b_g) \sim N(\mu, \Sigma)`, and
    :math:`\mu, \Sigma` are learned from all groups. The line of a group is where the posterior is
    highest,

    .. math:: \hat\theta_g = \arg\max_\theta \; \log L_g(\theta)
              - \tfrac12 (\theta - \mu)^T \Sigma^{-1} (\theta - \mu),

    so a group of thousands of rows keeps the line of its own and a group of ten that of all groups.
    The law is learned by expectation and maximisation with a normal approximation of each
    posterior (Laplace): with :math:`V_g = (H_g + \Sigma^{-1})^{-1}`, where :math:`H_g` is the
    curvature of the group's loss,

    .. math:: \mu \leftarrow \operatorname{mean}_g \hat\theta_g, \quad
              \Sigma \leftarrow \operatorname{mean}_g
              [(\hat\theta_g - \mu)(\hat\theta_g - \mu)^T + V_g].

    The normal approximation finds too little spread where groups are small: a tenth too little with
    groups of fifty rows. A wide normal prior around the identity (sd 2) keeps :math:`\mu` finite
    where scores separate the outcomes. Rows of a group that is missing or was never seen take the
    line fitted to all rows, whatever their group: it allows for not knowing the group.
    ``Fitted.unseen`` tells them.

    Parameters
    ----------
    column
        Name of the column of groups, in ``Evidence.by`` and in tables.
    tolerance
        Stop when no line changes by more than this.
    steps
        At most this many steps.

    Examples
    --------
    >>> from trueup.worlds import confident_by_group
    >>> world = confident_by_group(groups=200, rows=50)
    >>> fitted = HierarchicalPlatt("group").fit(world.evidence)
    >>> sorted(fitted.map.parameters)
    ['groups', 'intercept', 'intercept_sd', 'slope', 'slope_sd']
    """

    column: str
    tolerance: float = 1e-4
    steps: int = 500
    reads: ClassVar[tuple[str, ...]] = ("by",)
    effort: ClassVar[Effort] = Effort.ASKED

    def __post_init__(self) -> None:
        check_column("HierarchicalPlatt", self.column)

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        assert isinstance(evidence.prediction, Probabilities)
        names, group = groups_of("HierarchicalPlatt", evidence, self.column)
        logs, truth = evidence.prediction.log_probs(), evidence.truth
        scores = [logs[:, 1] - logs[:, 0]] if logs.shape[1] == 2 else list(map(log_odds, logs.T))
        events = [truth == 1] if len(scores) == 1 else [truth == j for j in range(len(scores))]
        law = [
            learn_lines(x, y.astype(float), weight, group, len(names), self.tolerance, self.steps)
            for x, y in zip(scores, events, strict=True)
        ]
        maps = tuple(GroupLines(self.column, names, *made[:3]) for made in law)
        return maps[0] if len(maps) == 1 else OneVersusRest(maps), all(made[3] for made in law)


@dataclass(frozen=True, eq=False)
class GroupLines(AbstractEventMap):
    """Log-odds x of a row of group g to ``lines[g, 0] + lines[g, 1] x``.

    Parameters
    ----------
    column
        Name of the column of groups.
    names
        (g,) names of the groups.
    lines
        (g + 1, 2) shift and slope; the last row is that of every other group.
    center, spread
        (2,) mean and (2, 2) covariance of the law that the lines come from.
    """

    column: str
    names: tuple[str, ...]
    lines: np.ndarray
    center: np.ndarray
    spread: np.ndarray

    def odds(self, x: Expr) -> Expr:
        line = Lookup(key_of(self.column), self.names, self.lines)
        return operate("add", operate("multiply", x, line[1]), line[0])

    @property
    def parameters(self) -> dict[str, float]:
        sd = np.sqrt(np.diag(self.spread))
        found = {"intercept": self.center[0], "slope": self.center[1],
                 "intercept_sd": sd[0], "slope_sd": sd[1], "groups": len(self.names)}  # fmt: skip
        return {name: float(value) for name, value in found.items()}
