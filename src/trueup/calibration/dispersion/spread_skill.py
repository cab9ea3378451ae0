r"""Spread-skill ratio: how large errors of the mean are, beside what the spread promises.

.. math:: \sqrt{\frac{\sum_i w_i (y_i - \bar x_i)^2}{\frac{m + 1}{m} \sum_i w_i s_i^2}}

with the mean and the unbiased variance of m members; of normal laws the factor is 1. It is 1 where
members and truth are drawn from the same laws, above 1 where forecasts are too narrow (or biased),
below 1 where they are too wide. Both means are taken before the ratio, so rows of large spread
weigh most: ``rms_z`` weighs all rows alike.

Examples
--------
>>> from trueup.core import Normal
>>> spread_skill([2.0, -2.0], Normal([0.0, 0.0], [1.0, 1.0])).value
2.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError
from trueup.core.laws import mean_of, sd_of
from trueup.core.predictions import Ensemble, Prediction
from trueup.core.row_score import AbstractRowSums


CARD = Card(
    name="spread_skill",
    question="calibration",
    family="dispersion",
    summary="root mean squared error over the mean spread: above 1 forecasts are too narrow",
    paper="Fortin, Abaza, Anctil, Turcotte 2014, Journal of Hydrometeorology 15(4)",
    claims=("covers its truth",),
    cost="O(n); of m members O(n m)",
    not_for="telling bias from too little spread: read the bias beside it",
)


@dataclass(frozen=True)
class SpreadSkill(AbstractRowSums):
    """Root mean squared error over root mean variance."""

    name = "spread_skill"
    label = "Error over spread"
    better = "neither"
    kinds = ("normal", "ensemble")

    def columns(self, prediction: Prediction, truth: np.ndarray) -> dict[str, np.ndarray]:
        variance = spread_of(self.name, prediction) ** 2
        if isinstance(prediction, Ensemble):
            variance = variance * (1 + 1 / prediction.members.shape[1])
        return {"square": (truth - mean_of(prediction)) ** 2, "variance": variance}

    def parts(self, cube) -> np.ndarray:
        return cube.table.total("square", "variance")

    def value(self, sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[:, 0] / sums[:, 1]

    def scale(self, x: float) -> float:
        return math.sqrt(max(x, 0.0)) if x == x else x


def spread_of(who: str, prediction: Prediction) -> np.ndarray:
    """Standard deviation (n,) that is stated; one member has none."""
    if isinstance(prediction, Ensemble) and prediction.members.shape[1] < 2:
        raise EvidenceError(
            who,
            f"needs two members at least; got shape {prediction.members.shape}",
            why="one member has no spread",
            do="Predict more members",
        )
    return sd_of(prediction)


spread_skill = SpreadSkill()
