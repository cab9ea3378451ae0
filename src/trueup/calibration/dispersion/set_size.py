"""How long sets of classes are: their mean size, and how many hold one class, or none.

Examples
--------
>>> import numpy as np
>>> from trueup.core import Sets
>>> said = Sets(np.array([[True, False], [True, True], [False, False], [False, True]]), 0.9)
>>> [measure([0, 1, 0, 0], said).value for measure in (mean_set_size, singletons, empty_sets)]
[1.0, 0.5, 0.25]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.predictions import Prediction, Sets
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="mean_set_size",
    question="calibration",
    family="dispersion",
    summary="mean number of classes in a set; shares of sets of one class and of none",
    paper="Sadinle, Lei & Wasserman 2019, JASA 114(525)",
    exports=("mean_set_size", "singletons", "empty_sets"),
    cost="O(n k)",
    not_for="judging sets alone: empty sets are the shortest; see coverage",
)


@dataclass(frozen=True)
class MeanSetSize(AbstractRowScore):
    """Mean number of classes in a set."""

    name = "mean_set_size"
    label = "Mean size of sets"
    kinds = (Sets.kind,)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        return sizes(prediction).astype(np.float64)


@dataclass(frozen=True)
class SetsOfSize(AbstractRowScore):
    """Share of sets of one size."""

    name: str = "singletons"  # type: ignore[misc]
    label: str = "Sets of one class"  # type: ignore[misc]
    better: str = "higher"  # type: ignore[misc]
    size: int = 1
    kinds = (Sets.kind,)
    proportion = True
    reach = (0.0, 1.0)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        return (sizes(prediction) == self.size).astype(np.float64)


def sizes(prediction: Prediction) -> np.ndarray:
    """Number (n,) of classes in every set."""
    assert isinstance(prediction, Sets)
    return np.count_nonzero(prediction.members, axis=1)


mean_set_size = MeanSetSize()
singletons = SetsOfSize()
empty_sets = SetsOfSize("empty_sets", "Sets of no class", "lower", 0)
