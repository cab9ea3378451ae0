r"""Maximum mean calibration error: residuals that agree with those of neighbouring scores.

.. math:: \text{MMCE}^2 = \frac{1}{w^2} \sum_{i,j} w_i w_j (y_i - p_i)(y_j - p_j)\,
          e^{-|p_i - p_j| / h}

with all pairs, i = j too: at calibration it falls like ``n^{-1/2}`` but is never 0. ``skce`` with
``over="top label"`` is its square freed of that. Summed over a lattice of 1,921 scores, which moves
the value by less than one part in a thousand.

Examples
--------
>>> from trueup.worlds import confident_by_factor
>>> e = confident_by_factor(2.0, rows=20_000).evidence
>>> 0.04 < mmce(e.truth, e.prediction).value < 0.08
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.measures.smoothing import FINE, STEPS, on_lattice
from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.errors import UsageError
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="mmce",
    question="calibration",
    family="measures",
    summary="kernel distance of the residuals from zero, by confidence; the plug-in",
    paper="Kumar, Sarawagi, Jain 2018, ICML, PMLR 80, equation 3",
    axes={"kernel": "Laplacian of the score", "pairs": "all"},
    mission=(8,),
    claims=("covers its truth",),
    exports=("mmce", "MaximumMeanCalibrationError"),
    cost="O(n) once for the cube, then milliseconds",
    not_for="near calibration, where it measures its own noise: read skce",
)

LEAST, MOST = 0.01, 100.0


@dataclass(frozen=True)
class MaximumMeanCalibrationError(AbstractMeasure):
    """Root of the mean product of residuals, weighed by how close their scores are.

    Parameters
    ----------
    bandwidth
        Distance h of scores at which the kernel has fallen to 1 / e, in [0.01, 100]. The article
        uses 0.4.
    """

    bandwidth: float = 0.4
    name = "mmce"
    label = "Maximum mean calibration error (MMCE)"
    reach = (0.0, 1.0)
    score_only = True
    grid = FINE

    def __post_init__(self) -> None:
        check_bandwidth("mmce", self.bandwidth)

    def parts(self, cube: Cube) -> np.ndarray:
        return on_lattice(cube, cube.table["y"] - cube.table["p"], cube.table["w"])

    def value(self, sums: np.ndarray) -> np.ndarray:
        weight = sums[:, 1].sum(axis=1)
        residual = sums[:, 0] / np.where(weight > 0, weight, np.nan)[:, None]
        square = (residual * laplacian(residual, self.bandwidth)).sum(axis=1)
        return np.sqrt(np.maximum(square, 0.0))


def check_bandwidth(who: str, h: float) -> None:
    """Refuse what is no width of a kernel on scores."""
    if not LEAST <= h <= MOST:
        raise UsageError(who, f"bandwidth is {h}", do=f"Pass a number in [{LEAST}, {MOST:g}]")


def laplacian(masses: np.ndarray, h: float) -> np.ndarray:
    """(..., 1921) sums ``sum_j exp(-|x_i - x_j| / h) m_j`` at every node, in one sweep each way."""
    grow = np.exp(np.arange(STEPS + 1) / (STEPS * h))
    below = np.cumsum(masses * grow, axis=-1) / grow
    above = np.cumsum((masses / grow)[..., ::-1], axis=-1)[..., ::-1] * grow
    return below + above - masses


mmce = MaximumMeanCalibrationError()
