r"""Weighted interval score of quantiles: width of the intervals plus what lies outside them.

.. math:: \mathrm{WIS} = \frac{1}{K + 1/2} \left(\tfrac12 |y - m| + \sum_{k=1}^K
          \tfrac{\alpha_k}{2} \mathrm{IS}_{\alpha_k}\right)

of the median m and K central intervals at levels :math:`1 - \alpha_k`, as hubs of forecasts score.
It is the same as the mean over all levels of twice the pinball loss, which is how it is computed;
without a median, or where levels are no pairs around it, it is still that mean. In the unit of the
truth, and comparable at the same levels only. Proper.

Examples
--------
>>> from trueup.core import Quantiles
>>> wis([3.0], Quantiles([0.25, 0.5, 0.75], [[0.0, 1.0, 2.0]])).value
1.6666666666666667
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.predictions import Prediction, Quantiles
from trueup.core.quantile_loss import mean_pinball
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="wis",
    question="forecast",
    family="scores",
    summary="weighted interval score: what hubs of forecasts score quantiles by",
    paper="Bracher, Ray, Gneiting, Reich 2021, PLOS Computational Biology 17(2)",
    claims=("covers its truth",),
    cost="O(n q): 0.2 s a million rows of 23 quantiles",
    not_for="forecasts at different levels, or series of different units: use skill",
)


@dataclass(frozen=True)
class WeightedIntervalScore(AbstractRowScore):
    """Mean weighted interval score."""

    name = "wis"
    label = "Weighted interval score"
    kinds = ("quantiles",)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        assert isinstance(prediction, Quantiles)
        return 2 * mean_pinball(prediction, truth)


wis = WeightedIntervalScore()
