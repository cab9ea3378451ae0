"""Coverage: the share of truths inside the interval that was said to hold so many.

``coverage`` judges intervals at their own level, and the central 90 % interval of every other kind;
``coverage_50``, ``coverage_90`` and ``coverage_95`` those levels, ``Coverage(nominal=0.8)`` any.
The ends count as inside. A level that the prediction does not state is refused, not interpolated.
Of an ensemble the k-th member from below and above are the ends, with ``1 - 2 k / (m + 1)`` for the
level, which is what they hold if the members are as good as the truth. Sets of classes are judged
too: the share that holds the class that happened.

Examples
--------
>>> from trueup.core import Intervals
>>> said = Intervals([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], 0.5)
>>> coverage_50([0.5, 1.0, 1.5, 0.2], said).value
0.75
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.central import LAWS, central_of
from trueup.core.errors import EvidenceError
from trueup.core.predictions import Prediction, Sets
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="coverage",
    question="calibration",
    family="dispersion",
    summary="share of truths inside the interval that was said to hold so many",
    paper="Gneiting, Balabdaoui, Raftery 2007, JRSS B 69(2)",
    claims=("covers its truth",),
    exports=("coverage", "coverage_50", "coverage_90", "coverage_95"),
    cost="O(n); of m members O(n m log m)",
    not_for="choosing between forecasts: infinitely wide ones cover all; use a score",
)


@dataclass(frozen=True)
class Coverage(AbstractRowScore):
    """Share of truths inside the central interval.

    Parameters
    ----------
    nominal
        Level of the central interval, in (0, 1), which must be stated; None means the level of
        intervals and sets, and .9 of every other kind.
    """

    nominal: float | None = None
    better = "neither"
    reach = (0.0, 1.0)
    proportion = True
    kinds = (*LAWS, Sets.kind)

    @property
    def name(self) -> str:
        """The level is part of the name."""
        return "coverage" if self.nominal is None else f"coverage_{100 * self.nominal:g}"

    @property
    def label(self) -> str:
        """Name in words."""
        at = "" if self.nominal is None else f" of the {100 * self.nominal:g} % interval"
        return f"Coverage{at}"

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        if isinstance(prediction, Sets):
            return _held(prediction, truth, self)
        low, high = central_of(prediction, self.nominal, who=self.name)
        return ((low <= truth) & (truth <= high)).astype(np.float64)


def _held(sets: Sets, truth: np.ndarray, measure: Coverage) -> np.ndarray:
    """Whether the class that happened is in the set."""
    if measure.nominal is not None and abs(measure.nominal - sets.level) > 1e-9:
        raise EvidenceError(
            measure.name,
            f"no sets at level {measure.nominal:g}: these are stated at {sets.level:g}",
            do=f"Ask for {sets.level:g}",
        )
    k = sets.members.shape[1]
    if ((truth < 0) | (truth >= k) | (truth != np.floor(truth))).any():
        raise EvidenceError(
            measure.name, f"the truth of sets must be a class code 0 .. {k - 1}", do="Pass codes"
        )
    return sets.members[np.arange(len(truth)), truth.astype(np.int64)].astype(np.float64)


coverage = Coverage()
coverage_50, coverage_90, coverage_95 = Coverage(0.5), Coverage(0.9), Coverage(0.95)
