r"""Interval score: the width of an interval, plus a fine for what lies outside of it.

.. math:: \mathrm{IS}_\alpha = (u - l) + \tfrac{2}{\alpha} (l - y)_+ + \tfrac{2}{\alpha} (y - u)_+

with :math:`1 - \alpha` the level; in the unit of the truth. Least for the interval between the
:math:`\alpha / 2` and :math:`1 - \alpha / 2` quantiles of what happens. Every kind that states a
central interval is judged by it, so points with a spread, quantiles and ensembles can be compared.

Examples
--------
>>> from trueup.core import Intervals
>>> interval_score([3.0], Intervals([0.0], [2.0], 0.5)).value
6.0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.central import nominal_of
from trueup.core.central_score import AbstractCentralScore
from trueup.core.predictions import Prediction
from trueup.core.quantile_loss import interval_loss


CARD = Card(
    name="interval_score",
    question="forecast",
    family="scores",
    summary="width of intervals plus a fine for truths outside of them",
    paper="Gneiting & Raftery 2007, JASA 102(477), section 6.2",
    claims=("covers its truth",),
    cost="O(n); of m members O(n m log m)",
    not_for="levels beside each other; dependent series, where its 95 % interval covers 92 %",
)


@dataclass(frozen=True)
class IntervalScore(AbstractCentralScore):
    """Mean interval score.

    Parameters
    ----------
    nominal
        Level, as in ``AbstractCentralScore``.
    """

    name = "interval_score"
    label = "Interval score"

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        low, high = self.ends(prediction)
        return interval_loss(low, high, truth, nominal_of(prediction, self.nominal))


interval_score = IntervalScore()
