"""Share of rows whose set of classes holds what happened.

To be compared with the level that the sets state: below it they promise too much.

Examples
--------
>>> import numpy as np
>>> from trueup.core import Sets
>>> said = Sets(np.array([[True, False], [True, True], [False, True]]), 0.9)
>>> round(set_coverage([0, 1, 0], said).value, 3)
0.667
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.predictions import Prediction, Sets
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="set_coverage",
    question="calibration",
    family="dispersion",
    summary="share of rows whose set of classes holds the truth",
    paper="Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World",
    claims=(),
    cost="O(n)",
    not_for="judging sets alone: the set of all classes covers everything; see mean_set_size",
)


@dataclass(frozen=True)
class SetCoverage(AbstractRowScore):
    """Share of sets that hold the truth."""

    name = "set_coverage"
    label = "Coverage of sets"
    better = "higher"
    kinds = (Sets.kind,)
    proportion = True
    reach = (0.0, 1.0)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        assert isinstance(prediction, Sets)
        return prediction.members[np.arange(len(truth)), truth].astype(np.float64)


set_coverage = SetCoverage()
