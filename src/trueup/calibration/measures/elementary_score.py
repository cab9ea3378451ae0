r"""Elementary score: what decisions at one threshold cost.

.. math:: S_\theta = \frac1w \sum_i w_i \begin{cases} \theta & p_i > \theta,\ y_i = 0 \\
          1 - \theta & p_i \le \theta,\ y_i = 1 \end{cases}

One acts when the probability exceeds ``theta``; acting in vain costs ``theta``, missing an event
``1 - theta``. At one half it is half the error rate. ``murphy_curve`` shows it at all thresholds.
For several classes it speaks of the confidence that the winning class is right.

Examples
--------
>>> elementary_score([0, 1, 1, 0], [0.6, 0.4, 0.9, 0.1]).value
0.25
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.errors import UsageError
from trueup.core.grid import EdgeGrid, Grid
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="elementary_score",
    question="calibration",
    family="measures",
    summary="cost of decisions at one threshold of the probability",
    paper="Ehm, Gneiting, Jordan, Krueger 2016, JRSS B 78(3), doi:10.1111/rssb.12154",
    claims=("covers its truth",),
    exports=("elementary_score", "ElementaryScore"),
    cost="O(n) once for the cube, then milliseconds",
    not_for="judging a forecast whose use is not known: use a proper score",
)


@dataclass(frozen=True)
class ElementaryScore(AbstractMeasure):
    """Mean cost of decisions at one threshold.

    Parameters
    ----------
    threshold
        Probability above which one acts, in (0, 1). On a ready cube it must be an edge of its
        equal-width bins.
    """

    threshold: float = 0.5
    name = "elementary_score"
    label = "Elementary score"
    reach = (0.0, 1.0)
    score_only = True

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise UsageError(
                "elementary_score",
                f"threshold is {self.threshold}",
                do="Pass a probability in (0, 1)",
            )

    @property
    def grid(self) -> Grid:
        return EdgeGrid(edges=(self.threshold,))

    def parts(self, cube: Cube) -> np.ndarray:
        above = self._above(cube.grid)
        w, y = cube.table["w"], cube.table["y"]
        vain, missed = (w - y)[:, above].sum(axis=1), y[:, ~above].sum(axis=1)
        cost = self.threshold * vain + (1 - self.threshold) * missed
        return np.stack([cost, w.sum(axis=1)], axis=1)

    def _above(self, grid: Grid) -> np.ndarray:
        if isinstance(grid, EdgeGrid):
            edges = np.array(grid.edges)
            if (edges == self.threshold).any():
                return np.arange(grid.size) > np.flatnonzero(edges == self.threshold)[-1]
        elif abs((edge := self.threshold * grid.width) - round(edge)) < 1e-9:
            return grid.width_bin >= round(edge)
        raise UsageError(
            "elementary_score",
            f"threshold {self.threshold} is no edge of the cube's bins",
            do="Pass arrays instead of a cube, or an edge of the cube's equal-width bins",
        )

    def value(self, sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]


elementary_score = ElementaryScore()
