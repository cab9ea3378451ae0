r"""Continuous ranked probability score: how far a law lies from what happened.

.. math:: \mathrm{CRPS}(F, y) = \int (F(x) - 1\{y \le x\})^2 dx
          = E|X - y| - \tfrac12 E|X - X'|

in the unit of the truth; of a law that is a point it is the absolute error. Proper: least, on
average, for the law that the truth is drawn from. Per kind it is

* normal: the closed form ``sd (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))``;
* ensemble: of the law that puts 1 / m on each member, or with ``fair`` an unbiased estimate of the
  score of the law that the members were drawn from (``m (m - 1)`` for ``m^2`` in the second term),
  by which ensembles of different size can be compared;
* quantiles: the mean over the stated levels of twice the pinball loss, the same as the WIS. The
  CRPS is the integral of it over all levels, so this comes near it where levels are many and
  evenly spread; at the 23 levels of hubs, dense in the tails, it is about a tenth lower. Forecasts
  are comparable at the same levels only.

Examples
--------
>>> from trueup.core import Ensemble, Normal
>>> round(crps([0.0], Normal([0.0], [1.0])).value, 4)
0.2337
>>> two = Ensemble([[-1.0, 1.0]])
>>> crps([0.0], two).value, ContinuousRankedProbabilityScore(fair=True)([0.0], two).value
(0.5, 0.0)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from scipy.special import ndtr

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError
from trueup.core.predictions import (
    Ensemble,
    Normal,
    Prediction,
    Quantiles,
)
from trueup.core.quantile_loss import mean_pinball
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="crps",
    question="forecast",
    family="scores",
    summary="continuous ranked probability score of normal laws, ensembles and quantiles",
    paper="Gneiting & Raftery 2007, JASA 102(477); fair: Ferro 2014, QJRMS 140(683)",
    claims=("covers its truth",),
    cost="O(n); of m members O(n m log m): 0.3 s a million rows of 50",
    not_for="extremes alone: use twcrps; series of different units: use skill",
)


@dataclass(frozen=True)
class ContinuousRankedProbabilityScore(AbstractRowScore):
    """Mean CRPS.

    Parameters
    ----------
    fair
        Whether ensembles are judged as samples of a law, else as the law that they are.
    """

    fair: bool = False
    name = "crps"
    label = "CRPS"
    kinds = ("normal", "ensemble", "quantiles")

    @property
    def reach(self) -> tuple[float, float]:
        """A fair score can be negative."""
        return (-math.inf if self.fair else 0.0, math.inf)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        return crps_rows(prediction, truth, self.fair)


@singledispatch
def crps_rows(prediction: Prediction, truth: np.ndarray, fair: bool = False) -> np.ndarray:
    """CRPS (n,) of every row."""
    raise TypeError(type(prediction).__name__)


@crps_rows.register
def _(prediction: Normal, truth: np.ndarray, fair: bool = False) -> np.ndarray:
    z = (truth - prediction.mean) / prediction.sd
    density = np.exp(-0.5 * z * z) * math.sqrt(2 / math.pi)
    return prediction.sd * (z * (2 * ndtr(z) - 1) + density - 1 / math.sqrt(math.pi))


@crps_rows.register
def _(prediction: Quantiles, truth: np.ndarray, fair: bool = False) -> np.ndarray:
    return 2 * mean_pinball(prediction, truth)


@crps_rows.register
def _(prediction: Ensemble, truth: np.ndarray, fair: bool = False) -> np.ndarray:
    n, m = prediction.members.shape
    if fair and m < 2:
        raise EvidenceError(
            "crps",
            f"fair needs two members at least; got shape {(n, m)}",
            why="one member says nothing of the spread of its law",
            do="Use fair=False, or predict more members",
        )
    # Distances from the truth keep their digits where all members lie far from zero.
    d = prediction.members - truth[:, None]
    d.sort(axis=1)
    apart = d @ (2 * np.arange(1, m + 1) - m - 1.0)
    np.abs(d, out=d)
    return d @ np.full(m, 1 / m) - apart / (m * (m - 1 if fair else m))


crps = ContinuousRankedProbabilityScore()
