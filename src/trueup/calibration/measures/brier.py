"""Brier score: the mean squared distance between the probabilities and what happened.

For an event ``sum w (p - y)^2 / sum w``, in [0, 1]; for several classes the squares are summed over
the classes, in [0, 2]. These are the two published conventions. Proper, and bounded: one surprise
cannot decide it.

Examples
--------
>>> brier([0, 1], [0.25, 0.75]).value
0.0625
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="brier",
    question="calibration",
    family="measures",
    summary="mean squared distance of the probabilities from what happened",
    paper="Brier 1950, Monthly Weather Review 78(1)",
    claims=("covers its truth",),
    cost="O(n k) once for the cube, then milliseconds",
    not_for="rare events, where differences that matter are small numbers",
)


@dataclass(frozen=True)
class Brier(AbstractMeasure):
    """Mean squared distance of the probabilities from what happened."""

    name = "brier"
    label = "Brier score"
    reach = (0.0, 2.0)

    def parts(self, cube: Cube) -> np.ndarray:
        return cube.table.total("brier", "w")

    def value(self, sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]


brier = Brier()
