"""Log loss: minus the mean logarithm of the probability given to what happened, in nats.

``-sum w ln p_y / sum w``. Proper: it is least, on average, for the true probabilities, so it judges
confidence and ranking at once. A probability below 1e-12 counts as 1e-12, for float32 input
too; such rows are counted in the data health of an audit.

Examples
--------
>>> round(log_loss([0, 1], [0.5, 0.5]).value, 4)
0.6931
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="log_loss",
    question="calibration",
    family="measures",
    summary="surprise at what happened, in nats; the score that corrections are chosen by",
    paper="Good 1952, J. R. Stat. Soc. B 14(1)",
    claims=("covers its truth",),
    cost="O(n k) once for the cube, then milliseconds",
    not_for="tables with exact zeros, where one surprise decides: read the Brier score beside it",
)


@dataclass(frozen=True)
class LogLoss(AbstractMeasure):
    """Mean negative log-probability of what happened."""

    name = "log_loss"
    label = "Log loss"

    def parts(self, cube: Cube) -> np.ndarray:
        return cube.table.total("loss", "w")

    def value(self, sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]


log_loss = LogLoss()
