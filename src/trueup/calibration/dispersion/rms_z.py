r"""Root mean square of z: errors in units of the spread that was stated for them.

.. math:: \sqrt{\frac{\sum_i w_i z_i^2}{\sum_i w_i}}, \quad z_i = \frac{y_i - \mu_i}{\sigma_i}

1 is right: errors are as large as stated. Above 1 forecasts are too narrow (or biased), below 1 too
wide; dividing by it is how much the spread must change. Of m members the mean and the unbiased
standard deviation stand in; where m members are drawn from the same normal law as the truth it is
:math:`\sqrt{(m + 1)(m - 1) / (m (m - 3))}` for m > 3, not quite 1 (1.03 of 50, 1.24 of 10).

Members that are all equal have no spread: z is then not finite, and the result no number.

Examples
--------
>>> from trueup.core import Normal
>>> rms_z([2.0, -2.0], Normal([0.0, 0.0], [1.0, 1.0])).value
2.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.calibration.dispersion.spread_skill import spread_of
from trueup.core.cards import Card
from trueup.core.laws import mean_of
from trueup.core.predictions import Prediction
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="rms_z",
    question="calibration",
    family="dispersion",
    summary="errors in units of the stated spread: above 1 forecasts are too narrow",
    paper="Pernot 2022, Journal of Chemical Physics 157, 144103",
    claims=("covers its truth",),
    cost="O(n); of m members O(n m)",
    not_for="few members or heavy tails, where a row of tiny spread decides it",
)


@dataclass(frozen=True)
class RootMeanSquareZ(AbstractRowScore):
    """Root mean square of the errors over their stated standard deviations."""

    name = "rms_z"
    label = "Root mean square of z"
    better = "neither"
    kinds = ("normal", "ensemble")

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        sd = spread_of(self.name, prediction)
        with np.errstate(invalid="ignore", divide="ignore"):
            z = (truth - mean_of(prediction)) / np.where(sd > 0, sd, np.nan)
        return z * z

    def scale(self, x: float) -> float:
        return math.sqrt(max(x, 0.0)) if x == x else x


rms_z = RootMeanSquareZ()
