"""Split conformal intervals: margins from rows that the model has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.conformal.frames import check_score, frame_of, usual_score
from trueup.calibration.conformal.margins import (
    AbstractMargin,
    MarginByGroup,
    MarginByRatio,
    MarginSteps,
    Same,
    Widened,
)
from trueup.calibration.conformal.ranks import check_level, upper_quantile
from trueup.calibration.conformal.ratio import LikelihoodRatio, ratios_of
from trueup.calibration.recalibrate.grouping import check_column, groups_of, rows_by_group
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort
from trueup.core.errors import FitError, UsageError
from trueup.core.evidence import Evidence
from trueup.core.expressions import Input, evaluate
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form, columns_of, form_of
from trueup.core.laws import NUMBERS


CARD = Card(
    name="ConformalIntervals",
    question="calibration",
    family="conformal",
    summary="intervals that hold the truth as often as asked, from any forecast of a number",
    axes={"score": "residual, scaled by the stated spread, CQR, CQR-m, CQR-r; one margin or two",
          "construction": "split",
          "guarantee": "over all rows, within every group, under shifted features"},
    paper="Lei et al. 2018, JASA 113(523); Romano, Patterson & Candes 2019, arXiv:1905.03222; "
          "variants: Sesia & Candes 2020, Stat 9(1); ratios: Tibshirani et al. 2019, "
          "arXiv:1904.06019",
    claims=("finite-sample marginal coverage", "coverage in every group",
            "coverage under a known covariate shift"),
    cost="O(n) for the fit, O(m) for m new rows",
    not_for="rows in time that drift: see AdaptiveConformal; fewer rows than level / (1 - level)",
)  # fmt: skip


@dataclass(frozen=True)
class ConformalIntervals(AbstractCorrection):
    r"""Widen (or narrow) what a model states until it holds the truth with share ``level``.

    With the frame :math:`[l, h]` of a row and its units :math:`d, u` the score of a known row is
    :math:`s_i = \max\{(l_i - y_i) / d_i,\; (y_i - h_i) / u_i\}`, the margin :math:`q` is the score
    of rank :math:`\lceil \mathrm{level}\,(n + 1) \rceil`, and a new row gets
    :math:`[l - q d,\; h + q u]`. A truth that is exchangeable with those of the fit lies inside
    with probability ``level`` to ``level`` + 1 / (n + 1), whatever the model. The guarantee is one
    over all rows, not for each kind of row: ask for groups by ``per``.

    ============ =================== =========================== =================================
    score        frame               unit of the margin          for
    ============ =================== =========================== =================================
    ``residual`` the median          1                           every kind
    ``scaled``   the median          the stated spread           all but points
    ``cqr``      the stated interval 1                           normal laws, quantiles, intervals
    ``cqr_r``    the stated interval its width                   as ``cqr``
    ``cqr_m``    the stated interval from the median to the end  as ``cqr``
    ============ =================== =========================== =================================

    The middle of an ensemble is its mean. Where quantiles do not reach out to the level, the
    outermost are the frame. Units below 1e-12 count as 1e-12.

    Parameters
    ----------
    score
        One of the table; ``"usual"`` is ``cqr`` of quantiles and intervals, ``scaled`` of normal
        laws and ensembles, ``residual`` of points.
    level
        Share of truths inside, in (0, 1).
    per
        ``"all"``, or the name of a column of ``Evidence.by``: every group has margins of its own
        and the guarantee holds within each (Mondrian). Groups never seen take the margins of all
        rows, without a guarantee; ``Fitted.unseen`` tells which they are.
    asymmetric
        Whether the truth may escape below and above with share (1 - level) / 2 each: two margins.
        Wider on average, and right on both sides.
    ratio
        For new rows whose features follow another law than the known ones: the name of a column of
        ``Evidence.by`` with likelihood ratios, how much more often such a row occurs among the new
        ones, or a ``LikelihoodRatio``, which is learned from features and reads
        ``Evidence.features``. New rows bring theirs: ``apply(prediction, column=ratios)``. Coverage
        is ``level`` at least if the ratios are right. A row of a ratio so large that the known rows
        say nothing of it gets ends of 1e150 units: everything.

    Raises
    ------
    FitError
        Fewer rows than the level needs: n rows reach n / (n + 1), with two margins 1 - 2 / (n + 1).
        The message names the largest level.

    Examples
    --------
    >>> from trueup.worlds import forecasts
    >>> world = forecasts("normal", spread=0.5, rows=20_000)
    >>> learn, new = world.evidence.take(slice(0, 10_000)), world.evidence.take(slice(10_000, None))
    >>> fitted = ConformalIntervals(level=0.8).fit(learn)
    >>> made = fitted.apply(new.prediction)
    >>> inside = (made.low <= new.truth) & (new.truth <= made.high)
    >>> float(round(inside.mean(), 2)), round(fitted.map.parameters["margin"], 1)
    (0.8, 2.6)
    """

    score: str = "usual"
    level: float = 0.9
    per: str = "all"
    asymmetric: bool = False
    ratio: str | LikelihoodRatio = ""
    kinds: ClassVar[tuple[str, ...]] = NUMBERS
    effort: ClassVar[Effort] = Effort.ASKED

    def __post_init__(self) -> None:
        check_score("ConformalIntervals", self.score)
        check_level("ConformalIntervals", self.level)
        check_column("ConformalIntervals", self.per)
        if self.ratio and self.per != "all":
            raise UsageError(
                "ConformalIntervals",
                f"ratio goes with per='all' only; got per={self.per!r}",
                do="Leave one of them out",
            )

    def gives(self, takes: Form) -> Form:
        return Form("intervals", 2, (self.level,))

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        takes = form_of(evidence.prediction)
        score = usual_score(takes) if self.score == "usual" else self.score
        sides = signed_scores(evidence, score, level=self.level)
        sides = sides if self.asymmetric else sides.max(axis=0, keepdims=True)
        return Widened(score, takes, self.level, self._margin(evidence, sides, weight)), True

    def _margin(self, evidence: Evidence, sides, weight: np.ndarray) -> AbstractMargin:
        if self.ratio:
            return self._by_ratio(evidence, sides, weight)
        pooled = self._pair(sides, weight)
        if self.per == "all":
            return Same(*pooled)
        names, group = groups_of("ConformalIntervals", evidence, self.per)
        parts = rows_by_group(group, len(names))
        pairs = [
            self._pair(sides[:, rows], weight[rows], of=f"group {name!r}")
            for name, rows in zip(names, parts, strict=True)
        ]
        return MarginByGroup(self.per, names, np.array([*pairs, pooled]))

    def _by_ratio(self, evidence: Evidence, sides, weight: np.ndarray) -> MarginByRatio:
        made, ratios = ratios_of("ConformalIntervals", evidence, self.ratio)
        level = 1 - (1 - self.level) / len(sides)
        steps = [MarginSteps.of(side, weight * ratios, level=level) for side in sides]
        usual = ratios[weight > 0].min()
        if any(not len(s.edges) or s.edges[-1] < usual for s in steps):
            reach = 1 - len(sides) * usual / (usual + (weight * ratios).sum())
            raise FitError(
                "ConformalIntervals.fit",
                f"rows with these likelihood ratios reach the level {max(reach, 0):.4g} at most; "
                f"asked for {self.level:g}",
                why="a few rows carry most of the weight",
                do="Pass more rows or a lower level",
            )
        return MarginByRatio(made, steps[0], steps[-1])

    def _pair(self, sides: np.ndarray, weight: np.ndarray, of: str = "") -> tuple[float, float]:
        """Margins below and above from the scores (2, n) of both sides, or (1, n) of the worse."""
        asked = {"weight": weight, "who": "ConformalIntervals.fit", "of": of, "sides": len(sides)}
        level = 1 - (1 - self.level) / len(sides)
        found = [upper_quantile(side, level=level, **asked) for side in sides]
        return found[0], found[-1]


def signed_scores(evidence: Evidence, score: str, *, level: float) -> np.ndarray:
    """How far (2, n) the truth lies below and above the frame, in its units; below 0 inside."""
    takes = form_of(evidence.prediction)
    x = Input(takes.input, takes.width)
    frame = frame_of(score, takes, x, level=level)
    given = {takes.input: columns_of(evidence.prediction)}
    truth, sides = evidence.truth, []
    for end, unit, sign in ((frame.low, frame.down, -1), (frame.high, frame.up, 1)):
        beyond = sign * (truth - evaluate(end, given)[:, 0])
        sides.append(beyond if unit is None else beyond / evaluate(unit, given)[:, 0])
    return np.stack(sides)
