"""Bias: mean of predicted minus true, in the unit of the truth.

``sum w e / sum w`` with ``e`` predicted minus true. Above 0 the model says too much.

Examples
--------
>>> from trueup.core import Points
>>> bias([1.0, 2.0], Points([1.5, 2.5])).value
0.5
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
    name="bias",
    question="error",
    family="points",
    summary="mean of predicted minus true",
    paper="Murphy 1988, Monthly Weather Review 116(12)",
    claims=("covers its truth",),
    cost="O(n)",
    not_for="errors that cancel: read the MAE beside it",
)


@dataclass(frozen=True)
class Bias(AbstractMeasure):
    """Mean of predicted minus true, signed."""

    name = "bias"
    label = "Bias"
    kinds = NUMBERS
    better = "neither"
    reach = (-math.inf, math.inf)

    def parts(self, cube: Cube) -> np.ndarray:
        return cube.table.total("error", "w")

    def value(self, sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]


bias = Bias()
