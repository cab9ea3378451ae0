r"""Noise floor of the ECE: what a perfectly calibrated model would score on as many rows.

.. math:: \frac{1}{w} \sqrt{\frac{2}{\pi}} \sum_b \sqrt{\sum_{i \in b} w_i^2\, p_i (1 - p_i)}

The gap of a bin is then nearly normal with that variance, and the mean of its absolute value is
``sqrt(2 / pi)`` standard deviations. An ECE at its floor is noise. Rows that depend on each other
have a higher floor; the sum over ``i`` is then multiplied by the design effect of the bin.

Examples
--------
>>> import numpy as np
>>> p = np.full(1000, 0.5)
>>> round(noise_floor(np.arange(1000) % 2, p).value, 4)
0.0126
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.calibration.measures.calibration_test import design_effects, null_variance
from trueup.calibration.measures.ece import equal_width, grid_of
from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.grid import Grid, check_bins
from trueup.core.measure import AbstractStatistic


CARD = Card(
    name="noise_floor",
    question="calibration",
    family="measures",
    summary="the ECE that a perfectly calibrated model would show on as many rows",
    paper="mean of |N(0, s^2)| summed over bins; checked by simulation in tests/oracles",
    claims=("equals the mean ECE of a calibrated model",),
    cost="milliseconds from the cube",
    not_for="a test: use calibration_test",
    excused={
        "interval": "it follows from the scores alone",
        "weights equal repeats": "a repeated row brings no news, so its floor is higher",
    },
)


@dataclass(frozen=True)
class NoiseFloor(AbstractStatistic):
    """Mean ECE of a calibrated model with these scores."""

    bins: int = 15
    name = "ece_noise_floor"
    label = "Noise floor of the calibration error"
    reach = (0.0, 1.0)

    def __post_init__(self) -> None:
        check_bins("noise_floor", self.bins)

    @property
    def grid(self) -> Grid | None:
        return grid_of(self.bins)

    def estimate(self, cube: Cube, *, level: float = 0.95) -> Estimate:
        """The floor; it has no interval, since it follows from the scores alone."""
        part = equal_width("noise_floor", cube.grid, bins=self.bins)
        variance = null_variance(cube, part).sum(axis=0) * design_effects(cube, part)
        spread, weight = np.sqrt(2 / np.pi) * np.sqrt(variance).sum(), cube.table["w"].sum()
        value = float(spread / weight) if weight > 0 else math.nan
        return Estimate(value, level=level, n=cube.n, how="from the scores")


noise_floor = NoiseFloor()
