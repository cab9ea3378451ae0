"""Width: how far apart the ends of the interval are that is said to hold so many truths.

Sharpness, in the unit of the truth: of two forecasts that cover what they say, the narrower is the
better. ``width`` judges intervals at their own level, and the central 90 % interval of every other
kind; ``width_50``, ``width_90`` and ``width_95`` those levels, and ``Width(nominal=0.8)`` any.
A level that the prediction does not state is refused, not interpolated.

Examples
--------
>>> from trueup.core import Normal
>>> round(width_95([0.0], Normal([0.0], [1.0])).value, 2)
3.92
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.central_score import AbstractCentralScore
from trueup.core.predictions import Prediction


CARD = Card(
    name="width",
    question="calibration",
    family="dispersion",
    summary="mean width of the interval that is said to hold so many truths",
    paper="Gneiting, Balabdaoui, Raftery 2007, JRSS B 69(2)",
    claims=("covers its truth",),
    exports=("width", "width_50", "width_90", "width_95"),
    cost="O(n); of m members O(n m log m)",
    not_for="forecasts that do not cover what they say",
)


@dataclass(frozen=True)
class Width(AbstractCentralScore):
    """Mean width of the central interval.

    Parameters
    ----------
    nominal
        Level, as in ``AbstractCentralScore``.
    """

    stem = "width"
    words = "Width"
    reach = (-math.inf, math.inf)  # where quantiles cross, a width is negative

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        low, high = self.ends(prediction)
        return high - low


width = Width()
width_50, width_90, width_95 = Width(0.5), Width(0.9), Width(0.95)
