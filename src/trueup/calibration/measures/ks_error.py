r"""Kolmogorov-Smirnov and Kuiper calibration errors: residuals added up in the order of scores.

.. math:: C(t) = \frac1w \sum_{p_i \le t} w_i (y_i - p_i), \qquad
          \text{KS} = \max_t |C(t)|, \quad \text{Kuiper} = \max_t C(t) - \min_t C(t)

with ``C = 0`` before the first score. No bins and nothing to choose. KS is the largest total gap of
any set "score up to t"; Kuiper that of any interval of scores, so it also sees errors that cancel
on the way. Tied scores count as one step, whatever the order of the rows. Summed over 4,155 bins,
within which the walk is not followed: the value is at most that of all rows, and less by about one
part in a hundred of its noise.

A largest excursion is biased upwards: near calibration both measure noise, and where two excursions
are almost equal intervals at level .95 held the truth 92 times in 100. ``ks_test`` and
``kuiper_test`` tell whether it could be chance.

Examples
--------
>>> ks_error([0, 1, 0, 1], [0.1, 0.3, 0.6, 0.7]).value, kuiper_error([1, 0], [0.5, 0.8]).value
(0.15, 0.4)
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.grid import Grid
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="ks_error",
    question="calibration",
    family="measures",
    summary="largest cumulative gap of outcomes and scores, no bins (Kolmogorov, Smirnov, Kuiper)",
    paper="Gupta et al. 2021, arXiv:2006.12800; Arrieta-Ibarra et al. 2022, JMLR 23(351)",
    axes={"range": "from zero (KS) | from the lowest point (Kuiper)"},
    mission=(8,),
    exports=("ks_error", "kuiper_error"),
    cost="O(n) once for the cube, then milliseconds",
    not_for="near calibration, where it measures its own noise: read ks_test",
)

RANKS = Grid(60, 4096)
"""Bins for measures that follow the order of the scores."""


class AbstractCumulative(AbstractMeasure):
    """A measure of the walk of cumulative residuals."""

    reach = (0.0, 1.0)
    score_only = True
    grid = RANKS

    def parts(self, cube: Cube) -> np.ndarray:
        return np.stack([cube.table["y"] - cube.table["p"], cube.table["w"]], axis=1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        weight = sums[:, 1].sum(axis=1)
        walk = np.cumsum(sums[:, 0], axis=1)
        return self.extent(walk) / np.where(weight > 0, weight, np.nan)

    @abstractmethod
    def extent(self, walk: np.ndarray) -> np.ndarray:
        """(r,) how far each ``walk`` (r, bins) that starts at 0 goes."""


@dataclass(frozen=True)
class KSError(AbstractCumulative):
    """Largest distance of the cumulative residuals from 0."""

    name = "ks_error"
    label = "Kolmogorov-Smirnov calibration error"

    def extent(self, walk: np.ndarray) -> np.ndarray:
        return np.abs(walk).max(axis=1)


@dataclass(frozen=True)
class KuiperError(AbstractCumulative):
    """Distance between the highest and the lowest point of the cumulative residuals."""

    name = "kuiper_error"
    label = "Kuiper calibration error"

    def extent(self, walk: np.ndarray) -> np.ndarray:
        return np.maximum(walk.max(axis=1), 0.0) - np.minimum(walk.min(axis=1), 0.0)


ks_error = KSError()
kuiper_error = KuiperError()
