r"""Kolmogorov-Smirnov test of calibration: could chance alone take the residuals this far?

The statistic is ``max |sum_{p_i <= t} w_i (y_i - p_i)| / s`` with
``s^2 = sum w_i^2 p_i (1 - p_i)``: for a calibrated model the largest distance from 0 of Brownian
motion. No bins and nothing to choose, and most sensitive to errors of one sign over a wide range of
scores; ``kuiper_test`` is better where they change sign. With clusters or a series the law is drawn
from the walks of the groups instead. With fewer than two expected surprises in all, the number of
surprises is compared with its Poisson law.

Examples
--------
>>> import numpy as np
>>> said, happened = np.full(400, 0.9), np.arange(400) % 2
>>> ks_test(happened, said).value < 1e-6
True
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.measures.ks_error import RANKS, ks_error
from trueup.calibration.measures.p_value import AbstractPValue, row_variance
from trueup.calibration.measures.walks import drawn_walks, survival_of_maximum
from trueup.core.cards import Card
from trueup.core.cube import Cube


CARD = Card(
    name="ks_test",
    question="calibration",
    family="measures",
    summary="p-value of the largest cumulative gap, without bins (after Kolmogorov and Smirnov)",
    paper="Arrieta-Ibarra et al. 2022, JMLR 23(351); Tygert 2022, arXiv:2202.00100",
    claims=("holds its false-alarm rate",),
    cost="milliseconds from the cube",
    not_for="how much is wrong: with a million rows a harmless error is significant",
    excused={
        "interval": "a p-value has none",
        "weights equal repeats": "a repeated row brings no news, so it counts for less",
    },
)


class AbstractWalkTest(AbstractPValue):
    """p-value of how far the cumulative residuals go."""

    score_only = True
    grid = RANKS
    extent: ClassVar[Callable[[np.ndarray], np.ndarray]]
    survival: ClassVar[Callable[[float], float]]

    def law(self, cube: Cube) -> str:
        of = "Brownian motion" if cube.grouping == "row" else "drawn walks of groups"
        return f"law of {of}"

    def p_value(self, cube: Cube) -> float:
        walk = np.cumsum((cube.table["y"] - cube.table["p"]).sum(axis=0))[None]
        seen = float(type(self).extent(walk)[0])
        if cube.grouping == "row":
            far = seen / math.sqrt(row_variance(cube))
            return min(1.0, max(0.0, type(self).survival(far))) if far > 0 else 1.0
        drawn = type(self).extent(drawn_walks(cube))
        return float((1 + (drawn >= seen).sum()) / (1 + len(drawn))) if len(drawn) else math.nan


@dataclass(frozen=True)
class KSTest(AbstractWalkTest):
    """p-value of the largest distance from 0."""

    name = "ks_p_value"
    label = "Kolmogorov-Smirnov test (p-value)"
    extent = staticmethod(ks_error.extent)
    survival = staticmethod(survival_of_maximum)


ks_test = KSTest()
