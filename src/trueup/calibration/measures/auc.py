"""AUC: the probability that an event got a higher score than a non-event; ties count one half.

From the cells, ``sum_b pos_b (neg below b + neg_b / 2) / (pos neg)``. Scores that share one of the
1,083 bins count as tied, which moves the value by less than 1e-4 in practice. For several classes
it is the mean over classes of each against the rest.

Examples
--------
>>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value
0.75
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="auc",
    question="calibration",
    family="measures",
    summary="how well the scores rank events above non-events",
    paper="Hanley & McNeil 1982, Radiology 143(1)",
    claims=("covers its truth",),
    cost="O(n k) once for the cube, then milliseconds",
    not_for="judging confidence: any rising map of the scores leaves it unchanged",
)


@dataclass(frozen=True)
class AUC(AbstractMeasure):
    """Area under the ROC curve; the mean over classes where there are several."""

    name = "auc"
    label = "AUC"
    better = "higher"
    reach = (0.0, 1.0)
    classwise = True

    def parts(self, cube: Cube) -> np.ndarray:
        cells = cube.table if cube.event or cube.classes is None else cube.classes
        pos, neg = cells["y"], cells["w"] - cells["y"]
        parts = np.stack([pos, neg], axis=1)
        return parts if parts.ndim == 4 else parts[:, :, None]

    def value(self, sums: np.ndarray) -> np.ndarray:
        pos, neg = sums[:, 0], sums[:, 1]
        below = np.cumsum(neg, axis=-1) - neg / 2
        pairs = pos.sum(axis=-1) * neg.sum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            each = (pos * below).sum(axis=-1) / np.where(pairs > 0, pairs, np.nan)
        # A class that never happened has no pairs and no say.
        return np.where(np.isnan(each).all(axis=1), np.nan, _mean(each))


def _mean(each: np.ndarray) -> np.ndarray:
    known = ~np.isnan(each)
    return np.where(known, each, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


auc = AUC()
