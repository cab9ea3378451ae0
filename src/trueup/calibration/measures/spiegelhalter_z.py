r"""Spiegelhalter's z: is the Brier score what it would be if the probabilities were true?

.. math:: z = \frac{\sum_i w_i (y_i - p_i)(1 - 2 p_i)}
                   {\sqrt{\sum_i w_i^2 (1 - 2 p_i)^2 p_i (1 - p_i)}}

The numerator is the Brier score minus its expectation. Above 0 over-confident, below 0 timid; for a
calibrated model standard normal. Scores of one half have no say in it, and an error that leaves the
Brier score as expected is not seen. With clusters or a series the numerator is divided by its
spread between groups. ``spiegelhalter_test`` gives the p-value.

Examples
--------
>>> import numpy as np
>>> said, happened = np.full(400, 0.9), np.arange(400) % 4 > 0
>>> round(spiegelhalter_z(happened.astype(int), said).value, 6)
10.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.calibration.measures.smoothing import FINE
from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="spiegelhalter_z",
    question="calibration",
    family="measures",
    summary="the Brier score minus its expectation, in standard errors: above 0 over-confident",
    paper="Spiegelhalter 1986, Statistics in Medicine 5(5), doi:10.1002/sim.4780050506",
    cost="milliseconds from the cube",
    not_for="how much is wrong: it grows with the square root of the rows",
)


@dataclass(frozen=True)
class SpiegelhalterZ(AbstractMeasure):
    """Excess of the Brier score in standard errors."""

    name = "spiegelhalter_z"
    label = "Spiegelhalter's z"
    better = "neither"
    reach = (-math.inf, math.inf)
    score_only = True
    grid = FINE

    def parts(self, cube: Cube) -> np.ndarray:
        w, w2, y, p = (cube.table[name] for name in ("w", "w2", "y", "p"))
        total = w.sum(axis=0)
        mean = np.divide(p.sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
        lean = 1 - 2 * mean
        excess = ((y - p) * lean).sum(axis=1)
        weight = w.sum(axis=1)
        if cube.grouping == "row":
            spread = (w2 * lean**2 * mean * (1 - mean)).sum(axis=1)
            return np.stack([excess, spread], axis=1)
        return np.stack([excess, excess**2, excess * weight, weight**2, weight], axis=1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        excess, spread = sums[:, 0], sums[:, 1]
        if sums.shape[1] == 5:  # variance between groups, their mean taken out
            cross, weight2, weight = sums[:, 2:].T
            share = np.divide(excess, weight, out=np.zeros_like(excess), where=weight > 0)
            left = spread - 2 * share * cross + share**2 * weight2
            few = 1 - np.divide(weight2, weight**2, out=np.ones_like(weight), where=weight > 0)
            known = few > 1e-9
            spread = np.divide(left, few, out=np.full_like(left, np.nan), where=known)
        safe = np.where(spread > 0, spread, np.nan)
        return excess / np.sqrt(safe)


spiegelhalter_z = SpiegelhalterZ()
