"""Crossing: the share of rows where a higher quantile lies below a lower one.

Such rows state no law. They are kept and scored as they stand; sorting them never makes a pinball
loss worse (Chernozhukov, Fernandez-Val, Galichon). Equal neighbours do not cross.

Examples
--------
>>> from trueup.core import Quantiles
>>> crossing([0.0, 0.0], Quantiles([0.1, 0.9], [[0.0, 1.0], [2.0, 1.0]])).value
0.5
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.predictions import Prediction, Quantiles
from trueup.core.row_score import AbstractRowScore


CARD = Card(
    name="crossing",
    question="calibration",
    family="dispersion",
    summary="share of rows where a higher quantile lies below a lower one",
    paper="Chernozhukov, Fernandez-Val, Galichon 2010, Econometrica 78(3)",
    cost="O(n q)",
    not_for="how far they cross, which may be nothing that matters",
)


@dataclass(frozen=True)
class Crossing(AbstractRowScore):
    """Share of rows whose quantiles cross."""

    name = "crossing"
    label = "Crossing quantiles"
    kinds = ("quantiles",)
    reach = (0.0, 1.0)
    proportion = True

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        assert isinstance(prediction, Quantiles)
        v = prediction.values
        return (v[:, 1:] < v[:, :-1]).any(axis=1).astype(np.float64)


crossing = Crossing()
