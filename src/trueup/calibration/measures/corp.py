r"""CORP: the Brier score taken apart into miscalibration, discrimination and uncertainty.

.. math:: \text{Brier} = \text{MCB} - \text{DSC} + \text{UNC}

with the isotonic regression of the outcomes on the score as the recalibrated forecast: MCB is what
recalibration would win, DSC what the scores know beyond the base rate, UNC how hard the base rate
alone is. No bins to choose: the pool-adjacent-violators solution is the optimal recalibration. For
several classes it speaks of the confidence that the winning class is right.

Examples
--------
>>> from trueup.worlds import confident_by_factor
>>> e = confident_by_factor(2.0, rows=4_000, seed=0).evidence
>>> mcb, dsc, unc = (m(e.truth, e.prediction).value for m in
...                  (miscalibration, discrimination, uncertainty))
>>> mcb > 0 and dsc > 0 and 0 < unc <= 0.25
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="corp",
    question="calibration",
    family="measures",
    summary="the Brier score split into miscalibration, discrimination and uncertainty",
    paper="Dimitriadis, Gneiting, Jordan 2021, PNAS 118(8), doi:10.1073/pnas.2016191118",
    exports=("discrimination", "miscalibration", "uncertainty"),
    cost="one isotonic regression of 1,083 bins a group: milliseconds",
    not_for="small tables, where isotonic regression overfits and MCB is biased upwards",
)


class AbstractTerm(AbstractMeasure):
    """One term of the decomposition."""

    reach: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def parts(self, cube: Cube) -> np.ndarray:
        return np.stack([cube.table["w"], cube.table["y"], cube.table["p"]], axis=1)


@dataclass(frozen=True)
class Miscalibration(AbstractTerm):
    """What recalibration would take off the Brier score."""

    name = "corp_miscalibration"
    label = "Miscalibration (MCB)"

    def value(self, sums: np.ndarray) -> np.ndarray:
        w, y, p = np.moveaxis(sums, 1, 0)
        return excess(w, y, p / np.where(w > 0, w, 1.0))


@dataclass(frozen=True)
class Discrimination(AbstractTerm):
    """What the recalibrated scores take off the Brier score of the base rate."""

    name = "corp_discrimination"
    label = "Discrimination (DSC)"
    better = "higher"

    def value(self, sums: np.ndarray) -> np.ndarray:
        w, y, _ = np.moveaxis(sums, 1, 0)
        return excess(w, y, (y.sum(axis=1) / w.sum(axis=1))[:, None])


@dataclass(frozen=True)
class Uncertainty(AbstractTerm):
    """Brier score of saying the base rate always."""

    name = "corp_uncertainty"
    label = "Uncertainty (UNC)"
    reach: ClassVar[tuple[float, float]] = (0.0, 0.25)

    def value(self, sums: np.ndarray) -> np.ndarray:
        base = sums[:, 1].sum(axis=1) / sums[:, 0].sum(axis=1)
        return base * (1 - base)


def excess(w: np.ndarray, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    """(r,) Brier score of ``said`` (r, bins) minus that of the isotonic fit."""
    fitted = isotonic_means(w, y)
    # y^2 terms cancel because y is 0 or 1.
    return (w * (said**2 - fitted**2) - 2 * y * (said - fitted)).sum(axis=1) / w.sum(axis=1)


def isotonic_means(w: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(r, bins) best non-decreasing outcome means, each row fitted by itself."""
    from scipy.optimize import isotonic_regression

    fitted = np.zeros_like(w)
    for row, (weight, total) in enumerate(zip(w, y, strict=True)):
        seen = weight > 1e-12 * weight.sum()
        means = total[seen] / weight[seen]
        fitted[row, seen] = isotonic_regression(means, weights=weight[seen]).x
    return fitted


miscalibration = Miscalibration()
discrimination = Discrimination()
uncertainty = Uncertainty()
