r"""Spiegelhalter's test: two-sided p-value of ``spiegelhalter_z``.

Both an over-confident model (z above 0) and a timid one (below) are found. Rows that are
independent are held against the normal law, clusters and series against Student's t. With fewer
than two expected surprises in all, the number of surprises is compared with its Poisson law.

Examples
--------
>>> import numpy as np
>>> said, happened = np.full(400, 0.9), np.arange(400) % 2
>>> spiegelhalter_test(happened, said).value < 1e-6
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trueup.calibration.measures.p_value import AbstractPValue
from trueup.calibration.measures.smoothing import FINE
from trueup.calibration.measures.spiegelhalter_z import spiegelhalter_z
from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.jackknife import t_p_value


CARD = Card(
    name="spiegelhalter_test",
    question="calibration",
    family="measures",
    summary="p-value: is the Brier score what the probabilities promise?",
    paper="Spiegelhalter 1986, Statistics in Medicine 5(5), doi:10.1002/sim.4780050506",
    claims=("holds its false-alarm rate",),
    cost="milliseconds from the cube",
    not_for="errors that leave the Brier score as expected: use calibration_test",
    excused={
        "interval": "a p-value has none",
        "weights equal repeats": "a repeated row brings no news, so it counts for less",
    },
)


@dataclass(frozen=True)
class SpiegelhalterTest(AbstractPValue):
    """p-value of the hypothesis that the Brier score is as expected."""

    name = "spiegelhalter_p_value"
    label = "Spiegelhalter's test (p-value)"
    score_only = True
    grid = FINE

    def law(self, cube: Cube) -> str:
        return "normal law" if cube.grouping == "row" else "Student's t over groups"

    def p_value(self, cube: Cube) -> float:
        made = spiegelhalter_z.replicates(cube)
        if math.isnan(made.value):
            return math.nan
        if cube.grouping == "row":
            return math.erfc(abs(made.value) / math.sqrt(2))
        return t_p_value(made.value, 1.0, df=made.freedom)


spiegelhalter_test = SpiegelhalterTest()
