r"""Threshold-weighted CRPS: how far a law lies from what happened, beyond a threshold only.

.. math:: \mathrm{twCRPS}(F, y) = \int_t^\infty (F(x) - 1\{y \le x\})^2 dx

and likewise below the threshold. It is the CRPS after everything on the other side has been moved
to the threshold, so it is proper and still judges rows whose truth is not extreme; scoring only the
rows where something extreme happened would reward false alarms. Without a threshold it is the CRPS.
The score above a threshold and that below it add up to the CRPS.

Examples
--------
>>> from trueup.core import Ensemble, Normal
>>> round(ThresholdWeightedCRPS(threshold=1.0)([0.0], Normal([0.0], [1.0])).value, 4)
0.0072
>>> ThresholdWeightedCRPS(threshold=1.0)([3.0], Ensemble([[-5.0, 2.0]])).value
1.25
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from scipy.special import ndtr

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.predictions import (
    Ensemble,
    Normal,
    Prediction,
    Quantiles,
)
from trueup.core.row_score import AbstractRowScore
from trueup.forecast.scores.crps import crps_rows


CARD = Card(
    name="twcrps",
    question="forecast",
    family="scores",
    summary="CRPS beyond a threshold only: how good are forecasts of extremes?",
    paper="Gneiting & Ranjan 2011, JBES 29(3); Allen, Ginsbourger, Ziegel 2023, SIAM/ASA JUQ 11(3)",
    claims=("covers its truth",),
    exports=("ThresholdWeightedCRPS", "twcrps"),
    cost="O(n); of m members O(n m log m)",
    not_for="thresholds that hardly any law or truth exceeds: nothing is left to compare",
)


@dataclass(frozen=True)
class ThresholdWeightedCRPS(AbstractRowScore):
    """Mean threshold-weighted CRPS.

    Parameters
    ----------
    threshold
        Where the part that counts begins, in the unit of the truth; None means the plain CRPS.
    above
        Whether what lies above the threshold counts, else what lies below.
    """

    threshold: float | None = None
    above: bool = True
    name = "twcrps"
    label = "Threshold-weighted CRPS"
    kinds = ("normal", "ensemble", "quantiles")

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise UsageError(
                "twcrps", f"threshold is {self.threshold}", do="Pass a finite number, or None"
            )

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        if self.threshold is None:
            return crps_rows(prediction, truth)
        return beyond(prediction, truth, self.threshold, self.above)


@singledispatch
def beyond(prediction: Prediction, truth: np.ndarray, threshold: float, above: bool) -> np.ndarray:
    """Threshold-weighted CRPS (n,) of every row."""
    raise TypeError(type(prediction).__name__)


@beyond.register
def _(prediction: Normal, truth: np.ndarray, threshold: float, above: bool) -> np.ndarray:
    side = 1.0 if above else -1.0
    start = side * (threshold - prediction.mean) / prediction.sd
    z = np.maximum(side * (truth - prediction.mean) / prediction.sd, start)
    # Below the truth F^2 counts, above it (1 - F)^2, which is F^2 on the mirrored side.
    return prediction.sd * (_squared_area(z) - _squared_area(start) + _squared_area(-z))


@beyond.register
def _(prediction: Quantiles, truth: np.ndarray, threshold: float, above: bool) -> np.ndarray:
    move = np.maximum if above else np.minimum
    moved = Quantiles(prediction.levels, move(prediction.values, threshold))
    return crps_rows(moved, move(truth, threshold))


@beyond.register
def _(prediction: Ensemble, truth: np.ndarray, threshold: float, above: bool) -> np.ndarray:
    move = np.maximum if above else np.minimum
    return crps_rows(Ensemble(move(prediction.members, threshold)), move(truth, threshold))


def _squared_area(z: np.ndarray) -> np.ndarray:
    """Integral of the squared standard normal distribution function from minus infinity to z."""
    share = ndtr(z)
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return z * share**2 + 2 * share * density - ndtr(math.sqrt(2) * z) / math.sqrt(math.pi)


twcrps = ThresholdWeightedCRPS()
