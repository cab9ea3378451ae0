r"""Logarithmic score: minus the log density that a law gave to what happened.

.. math:: -\log f(y) = \tfrac12 \log(2 \pi) + \log \sigma + \frac{(y - \mu)^2}{2 \sigma^2}

Proper, without a unit, and hard on surprises: one truth many standard deviations away decides it.
An ensemble has no density; it is judged by the normal law of its mean and unbiased standard
deviation, which is (up to a factor 2 and a constant) the score of Dawid and Sebastiani. That is
proper too, and least wherever mean and spread are right, whatever the shape.

Members that are all equal have no spread: the score of such a row is not finite, and the mean over
rows is then no number. Read the CRPS.

Examples
--------
>>> from trueup.core import Ensemble, Normal
>>> round(log_score([0.0], Normal([0.0], [1.0])).value, 4)
0.9189
>>> log_score([0.0, 1.0], Ensemble([[0.0, 1.0], [2.0, 2.0]])).how
'no value: the score of a row is not a finite number'
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError
from trueup.core.laws import mean_of, sd_of
from trueup.core.predictions import Ensemble, Prediction
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="log_score",
    question="forecast",
    family="scores",
    summary="minus the log density of what happened; of ensembles that of their normal law",
    paper="Good 1952, JRSS B 14(1); ensembles: Dawid & Sebastiani 1999, Annals of Statistics 27(1)",
    claims=("covers its truth",),
    cost="O(n); of m members O(n m)",
    not_for="heavy tails, where one row decides; members that are all equal",
)


@dataclass(frozen=True)
class LogScore(AbstractRowScore):
    """Mean logarithmic score of normal laws, and of the normal laws of ensembles."""

    name = "log_score"
    label = "Log score"
    kinds = ("normal", "ensemble")
    reach = (-math.inf, math.inf)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        if isinstance(prediction, Ensemble) and prediction.members.shape[1] < 2:
            raise EvidenceError(
                "log_score",
                f"needs two members at least; got shape {prediction.members.shape}",
                why="one member has no spread",
                do="Predict more members, or use crps",
            )
        sd = sd_of(prediction)
        known = sd > 0
        sd = np.where(known, sd, 1.0)
        z = (truth - mean_of(prediction)) / sd
        score = 0.5 * z * z + np.log(sd) + 0.5 * math.log(2 * math.pi)
        return np.where(known, score, np.nan)


log_score = LogScore()
