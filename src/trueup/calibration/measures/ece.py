r"""Expected calibration error: the mean distance between what is said and what happens, by bin.

.. math:: \sum_b \frac{w_b}{w} \left| \frac{y_b - p_b}{w_b} \right|

with ``y_b``, ``p_b`` the sums of outcome and score in bin b. A plug-in estimate: the absolute value
turns noise into error, so a perfectly calibrated model gets a positive value, and near calibration
no interval of it is sound. It is therefore always shown beside its noise floor, and decisions rest
on ``calibration_error`` and ``calibration_test``. Rows over two axes: the bins, of equal width
(lo, hi] or equal mass, and what is compared, the top label or event, or every class against the
rest.

Examples
--------
>>> round(ece([0, 1, 1, 1], [0.2, 0.9, 0.9, 0.9]).value, 3)
0.125
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.errors import UsageError
from trueup.core.grid import Grid, check_bins, equal_mass
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="ece",
    question="calibration",
    family="measures",
    summary="expected calibration error: mean gap of confidence and accuracy by bin (plug-in)",
    axes={"bins": "equal width | equal mass", "over": "top label | classwise"},
    paper="Naeini, Cooper, Hauskrecht 2015, AAAI; Guo et al. 2017, arXiv:1706.04599",
    mission=(8,),
    exports=("ece", "ece_equal_mass", "classwise_ece", "ExpectedCalibrationError"),
    cost="O(n) once for the cube, then milliseconds",
    not_for="near calibration, where it measures its own noise: read calibration_error",
)


@dataclass(frozen=True)
class ExpectedCalibrationError(AbstractMeasure):
    """Mean absolute gap between score and outcome over bins.

    Parameters
    ----------
    bins
        Number of bins, >= 1. On a ready cube equal-width bins must divide 60.
    mass
        Bins of equal mass instead of equal width; ties stay together, so there can be fewer.
    classwise
        Every class against the rest, averaged over classes, instead of the top label or event.
    """

    bins: int = 15
    mass: bool = False
    classwise: bool = False  # type: ignore[assignment]
    reach = (0.0, 1.0)

    def __post_init__(self) -> None:
        check_bins("ece", self.bins)

    @property
    def name(self) -> str:
        """Name of the row: ``ece``, ``ece_equal_mass``, ``classwise_ece``."""
        return "classwise_ece" if self.classwise else "ece_equal_mass" if self.mass else "ece"

    @property
    def label(self) -> str:
        """Name for people."""
        head = "Classwise" if self.classwise else "Expected"
        return f"{head} calibration error ({self.bins} equal-{'mass' if self.mass else 'width'})"

    @property
    def grid(self) -> Grid | None:
        return None if self.mass else grid_of(self.bins)

    def parts(self, cube: Cube) -> np.ndarray:
        classwise = self.classwise and cube.classes is not None
        cells, grid = cube.table, cube.grid
        if classwise:
            cells, grid = cube.classes, cube.class_grid
        merged = cells.merge(self._part(grid, cells["w"]))
        gap = merged["y"] - merged["p"]
        weight = np.broadcast_to(merged["w"].sum(axis=-1, keepdims=True), gap.shape)
        parts = np.stack([gap, weight], axis=1)
        return parts if classwise else parts[:, :, None]

    def _part(self, grid: Grid, weight: np.ndarray) -> np.ndarray:
        if self.mass:
            return equal_mass(weight.reshape(-1, weight.shape[-1]).sum(axis=0), bins=self.bins)
        return equal_width(self.name, grid, bins=self.bins)

    def value(self, sums: np.ndarray) -> np.ndarray:
        each = np.abs(sums[:, 0]).sum(axis=-1) / sums[:, 1, :, 0]
        return each.mean(axis=1)


def grid_of(bins: int) -> Grid | None:
    """Grid that holds ``bins`` equal-width bins; None where the common one does."""
    return None if Grid().width % bins == 0 else Grid(width=bins)


def equal_width(who: str, grid: Grid, *, bins: int) -> np.ndarray:
    """Which of ``bins`` equal-width bins each bin of ``grid`` lies in."""
    part = grid.equal_width(bins)
    if part is None:
        raise UsageError(
            who,
            f"{bins} bins do not divide the cube's {grid.width}",
            do="Pass arrays instead of a cube, or a divisor of the cube's equal-width bins",
        )
    return part


ece = ExpectedCalibrationError()
ece_equal_mass = ExpectedCalibrationError(mass=True)
classwise_ece = ExpectedCalibrationError(classwise=True)
