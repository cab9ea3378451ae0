"""Coverage: the share of truths inside the interval that was said to hold so many.

``coverage`` judges intervals at their own level, and the central 90 % interval of every other kind;
``coverage_50``, ``coverage_90`` and ``coverage_95`` those levels, ``Coverage(nominal=0.8)`` any.
The ends count as inside. A level that the prediction does not state is refused, not interpolated.
Of an ensemble the k-th member from below and above are the ends, with ``1 - 2 k / (m + 1)`` for the
level, which is what they hold if the members are as good as the truth. Of sets of classes it is the
share that holds the class that happened, to be compared with the level that the sets state.

Examples
--------
>>> from trueup.core import Intervals
>>> said = Intervals([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], 0.5)
>>> coverage_50([0.5, 1.0, 1.5, 0.2], said).value
0.75
>>> from trueup.core import Sets
>>> said = Sets([[True, False], [True, True], [False, True]], 0.9)
>>> round(coverage([0, 1, 0], said).value, 3)
0.667
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.central import LAWS
from trueup.core.central_score import AbstractCentralScore
from trueup.core.errors import EvidenceError
from trueup.core.predictions import Prediction, Sets


CARD = Card(
    name="coverage",
    question="calibration",
    family="dispersion",
    summary="share of truths inside the interval, or the set, that was said to hold so many",
    paper="Gneiting, Balabdaoui, Raftery 2007, JRSS B 69(2)",
    claims=("covers its truth",),
    exports=("coverage", "coverage_50", "coverage_90", "coverage_95"),
    cost="O(n); of m members O(n m log m)",
    not_for="choosing between forecasts: infinitely wide ones, and sets of all classes, cover all",
)


@dataclass(frozen=True)
class Coverage(AbstractCentralScore):
    """Share of truths inside the central interval, or inside the set.

    Parameters
    ----------
    nominal
        Level, as in ``AbstractCentralScore``; None means their own level for sets, too.
    """

    stem = "coverage"
    words = "Coverage"
    better = "neither"
    reach = (0.0, 1.0)
    proportion = True
    kinds = (*LAWS, Sets.kind)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        if isinstance(prediction, Sets):
            members = self._of_level(prediction).members
            return members[np.arange(len(truth)), truth].astype(np.float64)
        low, high = self.ends(prediction)
        return ((low <= truth) & (truth <= high)).astype(np.float64)

    def _of_level(self, sets: Sets) -> Sets:
        if self.nominal is None or abs(self.nominal - sets.level) <= 1e-9:
            return sets
        raise EvidenceError(
            self.name,
            f"no sets at level {self.nominal:g}: these are stated at {sets.level:g}",
            do=f"Ask for {sets.level:g}",
        )


coverage = Coverage()
coverage_50, coverage_90, coverage_95 = Coverage(0.5), Coverage(0.9), Coverage(0.95)
