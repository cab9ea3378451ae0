"""Confidence gap: mean confidence in the winning class minus the share of rows where it is right.

Signed: above 0 over-confident, below 0 under-confident, in probability. It equals the mean of
``confidence - correct``, needs no bins and has an honest interval. Its negative is the Balance
score (arXiv:2309.06248): ``1 - p``, ``-p``, ``p`` or ``p - 1`` a row, as the more probable side
happened or not. Where a model is over-confident everywhere, or timid everywhere, its size is the
true calibration error, without the bias of bins. But errors of opposite sign cancel in it: 0 does
not mean calibrated. Probabilities that are all too high by as much are too bold above one half
and too timid below, and the score stays near 0. So it is read beside ``calibration_error``, never
alone.

Examples
--------
>>> round(confidence_gap([1, 1, 0, 0], [0.9, 0.9, 0.9, 0.1]).value, 2)
0.15
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="confidence_gap",
    question="calibration",
    family="measures",
    summary="mean confidence minus accuracy, signed; its negative is the Balance score",
    paper="mean of confidence - correct; minus the Balance score of arXiv:2309.06248",
    mission=(46,),
    claims=("covers its truth",),
    cost="milliseconds from the cube",
    not_for="a verdict alone: over- and under-confidence cancel",
)


@dataclass(frozen=True)
class ConfidenceGap(AbstractMeasure):
    """Mean confidence minus accuracy, signed."""

    name = "confidence_gap"
    label = "Confidence minus accuracy"
    better = "neither"
    reach = (-1.0, 1.0)

    def parts(self, cube: Cube) -> np.ndarray:
        w, y, p = (cube.table[name] for name in ("w", "y", "p"))
        gap = p - y
        if cube.event:  # below one half the winner is the other outcome, said with 1 - p
            gap = np.where(cube.grid.above_half, gap, -gap)
        return np.stack([gap.sum(axis=1), w.sum(axis=1)], axis=1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]


confidence_gap = ConfidenceGap()
