"""Root mean squared error of the point, or of the mean that a law states, in the unit of the truth.

``sqrt(sum w e^2 / sum w)`` with ``e`` predicted minus true. Least for the mean of what happens. The
interval is made on the mean square and mapped.

Examples
--------
>>> from trueup.core import Points
>>> rmse([1.0, 2.0], Points([4.0, 6.0])).value
3.5355339059327378
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.laws import NUMBERS
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="rmse",
    question="error",
    family="points",
    summary="root mean squared error of points, or of means of laws",
    paper="Gneiting 2011, JASA 106(494), for what it is least for",
    cost="O(n)",
    not_for="heavy tails, where a few rows decide it and its interval covers two points too little",
)


@dataclass(frozen=True)
class RootMeanSquaredError(AbstractMeasure):
    """Root mean squared error."""

    name = "rmse"
    label = "Root mean squared error"
    kinds = NUMBERS

    def parts(self, cube: Cube) -> np.ndarray:
        return cube.table.total("square", "w")

    def value(self, sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    def scale(self, x: float) -> float:
        return math.sqrt(max(x, 0.0)) if x == x else x


rmse = RootMeanSquaredError()
