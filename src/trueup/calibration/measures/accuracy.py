"""Accuracy: the share of rows where the most probable class is the one that happened.

``sum w [argmax p = y] / sum w``. A tie goes to the first class, so the event is predicted when its
probability is above one half. Says nothing about confidence; read it beside the log loss.

Examples
--------
>>> accuracy([0, 1, 1, 1], [0.1, 0.8, 0.7, 0.3]).value
0.75
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="accuracy",
    question="calibration",
    family="measures",
    summary="share of rows where the most probable class happened",
    paper="Wilson 1927, JASA 22(158), for the interval with few errors",
    claims=("covers its truth",),
    cost="O(n) once for the cube, then milliseconds",
    not_for="rare events: saying 'never' is accurate",
)


@dataclass(frozen=True)
class Accuracy(AbstractMeasure):
    """Share of rows where the most probable class is right."""

    name = "accuracy"
    label = "Accuracy"
    better = "higher"
    reach = (0.0, 1.0)
    proportion = True

    def parts(self, cube: Cube) -> np.ndarray:
        w, y = cube.table["w"], cube.table["y"]
        # Several classes: y already says whether the winner was right.
        right = np.where(cube.grid.above_half, y, w - y) if cube.event else y
        return np.stack([right.sum(axis=1), w.sum(axis=1)], axis=1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]


accuracy = Accuracy()
