r"""Calibration test: could a calibrated model have produced these outcomes?

.. math:: X^2 = \sum_b \frac{(y_b - p_b)^2}{\sum_{i \in b} w_i^2 p_i (1 - p_i)} \sim \chi^2_B

over at most 15 bins of equal mass, joined until each has a null variance of at least 2, so that the
normal law of a bin is fair. With clusters or a series the statistic is divided by the mean design
effect and its degrees of freedom corrected (Rao & Scott). With fewer than two expected surprises in
all, the number of surprises is compared with its Poisson law instead.

Examples
--------
>>> import numpy as np
>>> said, happened = np.full(400, 0.9), np.arange(400) % 2
>>> calibration_test(happened, said).value < 1e-6
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc

from trueup.calibration.measures.p_value import LEAST_VARIANCE, AbstractPValue, row_weight
from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.grid import check_bins, equal_mass


CARD = Card(
    name="calibration_test",
    question="calibration",
    family="measures",
    summary="p-value: could a calibrated model have produced these outcomes?",
    paper="Rao & Scott 1981, JASA 76(374), for dependent rows",
    claims=("holds its false-alarm rate",),
    cost="milliseconds from the cube",
    not_for="how much is wrong: with a million rows a harmless error is significant",
    excused={
        "interval": "a p-value has none",
        "weights equal repeats": "a repeated row brings no news, so it counts for less",
    },
)


@dataclass(frozen=True)
class CalibrationTest(AbstractPValue):
    """p-value of the hypothesis that every score is the probability that it claims to be."""

    bins: int = 15
    name = "calibration_p_value"
    label = "Calibration test (p-value)"

    def __post_init__(self) -> None:
        check_bins("calibration_test", self.bins)

    def law(self, cube: Cube) -> str:
        return "chi-squared over bins"

    def p_value(self, cube: Cube) -> float:
        part = fair_bins(cube, bins=self.bins)
        merged = cube.table.merge(part)
        gap = (merged["y"] - merged["p"]).sum(axis=0)
        variance = null_variance(cube, part).sum(axis=0)
        if cube.grouping == "row":
            return float(chdtrc(len(gap), (gap**2 / variance).sum()))
        return _rao_scott(gap, variance, design_effects(cube, part), groups=_used(cube))


def null_variance(cube: Cube, part: np.ndarray) -> np.ndarray:
    """(groups, bins) variance of ``y_b - p_b`` of a calibrated model, rows independent.

    A fine bin is so narrow that its mean score stands for the score of each of its rows.
    """
    w, p = cube.table["w"].sum(axis=0), cube.table["p"].sum(axis=0)
    mean = p / np.where(w > 0, w, 1.0)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1])
    return np.add.reduceat(cube.table["w2"] * mean * (1 - mean), starts, axis=1)


def fair_bins(cube: Cube, *, bins: int) -> np.ndarray:
    """Bins of equal mass, joined until each has a null variance of at least 2 effective rows."""
    part = equal_mass(cube.table["w"].sum(axis=0), bins=bins)
    variance = null_variance(cube, part).sum(axis=0) / row_weight(cube) ** 2
    joined, total = np.zeros(len(variance), dtype=np.int64), 0.0
    for b in range(1, len(variance)):
        total += variance[b - 1]
        enough = total >= LEAST_VARIANCE and variance[b:].sum() >= LEAST_VARIANCE
        joined[b] = joined[b - 1] + enough
        total = 0.0 if enough else total
    return joined[part]


def design_effects(cube: Cube, part: np.ndarray) -> np.ndarray:
    """(bins,) variance of the gap between groups over its variance were rows independent."""
    merged = cube.table.merge(part)
    expected = null_variance(cube, part).sum(axis=0)
    if cube.grouping == "row":
        return np.ones(len(expected))
    used = merged["w"].sum(axis=1) > 0
    gap, weight = (merged["y"] - merged["p"])[used], merged["w"][used]
    total = weight.sum(axis=0)
    # The mean gap is taken out, so that a miscalibrated model is not mistaken for a dependent one.
    gap = gap - weight * gap.sum(axis=0) / np.where(total > 0, total, 1.0)
    seen = (gap**2).sum(axis=0) * used.sum() / max(used.sum() - 1, 1)
    return np.maximum(seen / np.where(expected > 0, expected, np.inf), 1.0)


def _rao_scott(gap, variance, effects, *, groups: int) -> float:
    statistic = (gap**2 / variance).sum()
    mean = effects.mean()
    spread = 1 + effects.var() / mean**2
    df = len(effects) / spread
    return float(fdtrc(df, df * (groups - 1), statistic / (mean * spread * df)))


def _used(cube: Cube) -> int:
    return int((cube.table["n"].sum(axis=1) > 0).sum())


calibration_test = CalibrationTest()
