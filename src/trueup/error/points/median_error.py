"""Median absolute error, in the unit of the truth: what a typical case is off by.

Half of the weight is off by less. Read from a histogram with 64 bins to a doubling, inside a bin
from its mean, so it is within about 0.5 % of the exact median. Quantiles get the standard error of
resampled groups: the jackknife is inconsistent for them.

Examples
--------
>>> from trueup.core import Points
>>> round(median_absolute_error([1.0, 2.0, 3.0], Points([1.5, 3.0, 103.0])).value, 2)
1.0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.laws import NUMBERS
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="median_absolute_error",
    question="error",
    family="points",
    summary="the absolute error that half of the cases stay below",
    paper="group bootstrap: Davison & Hinkley 1997, Bootstrap Methods, section 3.8",
    cost="O(n)",
    not_for="rare large errors, which it does not see at all",
)


@dataclass(frozen=True)
class MedianAbsoluteError(AbstractMeasure):
    """Median of the absolute error."""

    name = "median_absolute_error"
    label = "Median absolute error"
    kinds = NUMBERS
    quantile = True

    def parts(self, cube: Cube) -> np.ndarray:
        parts = np.stack([cube.table["w"], cube.table["absolute"]], axis=1)
        return parts[..., cube.table["w"].sum(axis=0) > 0]

    def value(self, sums: np.ndarray) -> np.ndarray:
        w, absolute = sums[:, 0], sums[:, 1]
        below = np.cumsum(w, axis=1)
        half = below[:, -1:] / 2
        bin_ = (below >= half * (1 - 1e-12)).argmax(axis=1)
        rows = np.arange(len(w))
        with np.errstate(invalid="ignore", divide="ignore"):
            return absolute[rows, bin_] / w[rows, bin_]


median_absolute_error = MedianAbsoluteError()
