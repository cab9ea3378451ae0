"""Mean absolute error of the point, or of the median that a law states, in the unit of the truth.

``sum w |e| / sum w`` with ``e`` predicted minus true. Least for the median of what happens.

Examples
--------
>>> from trueup.core import Points
>>> mae([1.0, 2.0, 3.0], Points([1.0, 2.5, 2.0])).value
0.5
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.laws import NUMBERS
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="mae",
    question="error",
    family="points",
    summary="mean absolute error of points, or of medians of laws",
    paper="Gneiting 2011, JASA 106(494), for what it is least for",
    claims=("covers its truth",),
    cost="O(n)",
    not_for="comparing series of different units",
)


@dataclass(frozen=True)
class MeanAbsoluteError(AbstractMeasure):
    """Mean absolute error."""

    name = "mae"
    label = "Mean absolute error"
    kinds = NUMBERS

    def parts(self, cube: Cube) -> np.ndarray:
        return cube.table.total("absolute", "w")

    def value(self, sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]


mae = MeanAbsoluteError()
