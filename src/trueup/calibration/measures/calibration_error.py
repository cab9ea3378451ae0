r"""Debiased calibration error: how far scores are from the truth, without the noise that ECE adds.

With ``r_i = y_i - p_i`` the squared error of a bin is the mean of ``r_i r_j`` over pairs of rows
from *different groups*; such pairs share no noise, so the mean is unbiased with clusters, series
and weights alike:

.. math:: \sum_b \frac{w_b}{w}
          \frac{(\sum_g R_{gb})^2 - \sum_g R_{gb}^2}{(\sum_g W_{gb})^2 - \sum_g W_{gb}^2},
          \qquad R_{gb} = \sum_{i \in g, b} w_i r_i,\quad W_{gb} = \sum_{i \in g, b} w_i

over at most 15 bins of equal mass. Reported is its square root, in probability, 0 where the squared
error is not positive. The interval is made on the squared scale, where it covers, and mapped.

Examples
--------
>>> from trueup.worlds import calibrated, confident_by_factor
>>> good = calibrated(20_000, seed=0).evidence
>>> calibration_error(good.truth, good.prediction).low
0.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.grid import check_bins, equal_mass
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="calibration_error",
    question="calibration",
    family="measures",
    summary="root-mean-square gap between score and truth, freed of sampling noise",
    paper="Kumar, Liang, Ma 2019, arXiv:1909.10155, section 5, with pairs from different groups",
    mission=(8,),
    claims=("covers its truth", "is zero on average for a calibrated model"),
    cost="milliseconds from the cube",
    not_for="errors that cancel inside a bin: they need finer bins and more rows",
    excused={
        "row order without keys": "it pairs rows of different groups, and groups follow the place",
    },
)


@dataclass(frozen=True)
class CalibrationError(AbstractMeasure):
    """Root of the debiased mean squared gap between score and outcome.

    Parameters
    ----------
    bins
        At most this many bins of equal mass, >= 1.
    """

    bins: int = 15
    name = "calibration_error_debiased"
    label = "Calibration error (debiased)"
    reach = (0.0, 1.0)

    def __post_init__(self) -> None:
        check_bins("calibration_error", self.bins)

    def parts(self, cube: Cube) -> np.ndarray:
        merged = cube.table.merge(equal_mass(cube.table["w"].sum(axis=0), bins=self.bins))
        gap, weight = merged["y"] - merged["p"], merged["w"]
        return np.stack([gap, gap**2, weight, weight**2], axis=1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        gap, gap2, weight, weight2 = np.moveaxis(sums, 1, 0)
        pairs = weight**2 - weight2
        known = pairs > 1e-9 * weight**2  # a bin that one group fills has no pairs and no say
        squared = np.divide(gap**2 - gap2, pairs, out=np.zeros_like(gap), where=known)
        return (squared * weight).sum(axis=1) / (known * weight).sum(axis=1)

    def scale(self, x: float) -> float:
        return math.sqrt(max(x, 0.0)) if x == x else x


calibration_error = CalibrationError()
