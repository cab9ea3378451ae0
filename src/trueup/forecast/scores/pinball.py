r"""Pinball loss of quantiles: least for the quantile of what happens.

.. math:: \rho_\tau(d) = \max(\tau d, (\tau - 1) d), \quad d = y - q_\tau

in the unit of the truth, averaged over all stated levels or taken at one. At the median it is half
of the absolute error. Over all levels it is half of the WIS.

Examples
--------
>>> from trueup.core import Quantiles
>>> said = Quantiles([0.25, 0.75], [[0.0, 1.0]])
>>> pinball([2.0], said).value, Pinball(at=0.75)([2.0], said).value
(0.625, 0.75)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.central import level_place
from trueup.core.errors import EvidenceError
from trueup.core.predictions import Prediction, Quantiles
from trueup.core.quantile_loss import mean_pinball, pinball_of
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="pinball",
    question="forecast",
    family="scores",
    summary="pinball loss of quantiles, of all levels or of one",
    paper="Koenker & Bassett 1978, Econometrica 46(1)",
    claims=("covers its truth",),
    cost="O(n q)",
    not_for="forecasts at different levels",
)


@dataclass(frozen=True)
class Pinball(AbstractRowScore):
    """Mean pinball loss.

    Parameters
    ----------
    at
        Level of the one quantile to judge, which must be stated; None means the mean over all.
    """

    at: float | None = None
    name = "pinball"
    label = "Pinball loss"
    kinds = ("quantiles",)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        assert isinstance(prediction, Quantiles)
        if self.at is None:
            return mean_pinball(prediction, truth)
        place = level_place(prediction, self.at)
        if place is None:
            raise EvidenceError(
                "pinball",
                f"no quantile at {self.at:g}; levels at hand: "
                f"{', '.join(f'{x:g}' for x in prediction.levels)}",
                do="Ask for one of these",
            )
        return pinball_of(truth, prediction.values[:, place], self.at)


pinball = Pinball()
