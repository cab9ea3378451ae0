"""Bayesian binning into quantiles: an average over histograms, weighted by their evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import betaln, expit

from trueup.calibration.recalibrate.steps import Steps, distinct
from trueup.core.cards import Card
from trueup.core.effort import Effort
from trueup.core.errors import UsageError
from trueup.core.events import AbstractEventCorrection


CARD = Card(
    name="BayesianBinning",
    question="calibration",
    family="recalibrate",
    summary="average over histograms of all sizes by their marginal likelihood: no bins to choose",
    axes={"map": "steps of equal mass, averaged", "loss": "marginal likelihood",
          "grouping": "one versus rest"},
    paper="Naeini, Cooper & Hauskrecht 2015, AAAI, doi:10.1609/aaai.v29i1.9602",
    claims=("follows any rising curve",),
    cost="O(n log n) and O(n^(2/3)) binnings' sums; times k for k > 2 classes",
    not_for="thousands of rows, where smooth and rising curves are nearer to the truth; ranking",
    excused={
        "leaves what is already perfect": "a step gives up the differences inside its bin",
    },
)  # fmt: skip


@dataclass(frozen=True)
class BayesianBinning(AbstractEventCorrection):
    r"""Average histograms of B bins of equal mass, weighted by how well they explain the rows.

    A bin b of one of the histograms has weight :math:`N_b`, weighted events :math:`m_b` and a beta
    prior of total count :math:`N' / B` around the middle :math:`p_b` of its scores. With
    :math:`\alpha_b = p_b N' / B` and :math:`\beta_b = (1 - p_b) N' / B` the histogram has weight

    .. math:: \prod_b \frac{\mathrm{B}(m_b + \alpha_b, N_b - m_b + \beta_b)}
              {\mathrm{B}(\alpha_b, \beta_b)}

    and says :math:`(m_b + \alpha_b) / (N_b + N' / B)` in bin b. B runs from
    :math:`\lfloor n^{1/3} / C \rfloor` to :math:`\lceil C n^{1/3} \rceil`, and at most to the
    number of distinct scores. Histograms below a thousandth of the best are left out: they change
    no probability by more than a thousandth each.

    Parameters
    ----------
    prior
        Rows that the prior counts for, N' > 0; 2 in the paper.
    spread
        C >= 1: how far the number of bins reaches from the cube root of n; 10 in the paper.

    Examples
    --------
    >>> from trueup.core import Probabilities
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=50_000)
    >>> after = BayesianBinning().fit(world.evidence).apply(Probabilities([0.9]))
    >>> bool(abs(after.probs[0, 1] - 0.75) < 0.03)
    True
    """

    prior: float = 2.0
    spread: float = 10.0
    effort: ClassVar[Effort] = Effort.HEAVY  # one versus rest of many classes costs as much

    def __post_init__(self) -> None:
        if not (self.prior > 0 and self.spread >= 1):
            raise UsageError(
                "BayesianBinning",
                f"prior is {self.prior}, spread {self.spread}",
                do="Pass prior > 0 and spread >= 1",
            )

    def learn_event(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray):
        x, mass, events = distinct(x, y, weight)
        n, s = (np.append(0.0, np.cumsum(v)) for v in (mass, events))
        root = n[-1] ** (1 / 3)
        most = min(int(np.ceil(self.spread * root)), len(x))
        least = min(max(1, int(root / self.spread)), most)
        ends = [_ends(n, bins) for bins in range(least, most + 1)]
        scored = [_scored(e, expit(x), n, s, self.prior) for e in ends]
        log_weight = np.array([score for score, _ in scored])
        share = np.exp(log_weight - log_weight.max())
        kept = np.flatnonzero(share > OCCAM)
        edges = np.unique(np.concatenate([ends[j][1:-1] for j in kept]))
        level = np.zeros(len(edges) + 1)
        for j in kept:
            place = np.searchsorted(ends[j][1:-1], np.append(0, edges), side="right")
            level += share[j] * scored[j][1][place]
        level /= share[kept].sum()
        between = (x[edges - 1] + x[edges]) / 2
        return Steps(between, np.log(level) - np.log1p(-level)), True


OCCAM = 1e-3
"""Least weight of a histogram relative to the best."""


def _ends(n: np.ndarray, bins: int) -> np.ndarray:
    """Rising places where bins of about equal mass end, of cumulated weight ``n`` (m + 1,)."""
    wanted = n[-1] * np.arange(1, bins) / bins
    inner = np.searchsorted(n, wanted * (1 + 1e-12), side="right") - 1
    return np.unique(np.concatenate([[0], inner, [len(n) - 1]]))


def _scored(ends, p, n, s, prior: float) -> tuple[float, np.ndarray]:
    """Log of the marginal likelihood of a histogram, and what it says in each bin."""
    mass, events = np.diff(n[ends]), np.diff(s[ends])
    count = prior / len(mass)
    inner = (p[ends[1:-1] - 1] + p[ends[1:-1]]) / 2
    middle = (np.append(0.0, inner) + np.append(inner, 1.0)) / 2
    a, b = count * middle, count * (1 - middle)
    score = betaln(events + a, mass - events + b) - betaln(a, b)
    return float(score.sum()), (events + a) / (mass + count)
