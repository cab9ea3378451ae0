"""A measure: sums that add over groups, and a smooth function of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np

from trueup.core.cube import Cube, score_cube, sums_of
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.grid import Grid
from trueup.core.jackknife import Replicates, interval, wilson
from trueup.core.predictions import Points, Prediction
from trueup.core.probabilities import Probabilities
from trueup.core.rows import NOBODY


FEW = 15
"""With fewer errors or successes than this, the jackknife of a proportion covers too little."""


class AbstractStatistic(ABC):
    """A number about predictions and the truth: ``statistic(y_true, y_pred)`` -> ``Estimate``."""

    name: ClassVar[str]
    label: ClassVar[str]
    better: ClassVar[str] = "lower"
    reach: ClassVar[tuple[float, float]] = (0.0, math.inf)
    classwise: ClassVar[bool] = False
    score_only: ClassVar[bool] = False
    kinds: ClassVar[tuple[str, ...]] = (Probabilities.kind,)
    grid: Grid | None = None
    """Bins that the measure needs; None means that the common ones do."""

    @abstractmethod
    def estimate(self, cube: Cube, *, level: float = 0.95) -> Estimate:
        """Value and interval from a cube."""

    def __call__(self, y_true, y_pred, *, weight=None, cluster=None, time=None, level=0.95):
        """Estimate of the measure.

        Parameters
        ----------
        y_true
            (n,) labels: class codes, or class names that the prediction knows; numbers for points.
        y_pred
            A prediction, or an array: (n,) of the event's or (n, k) of the classes' probabilities
            where the measure judges those, else (n,) of points.
        weight, cluster, time
            (n,) roles of rows, as in ``Evidence``.
        level
            Level of the interval, in (0, 1).
        """
        made = Probabilities if Probabilities.kind in self.kinds else Points
        prediction = y_pred if isinstance(y_pred, Prediction) else made(y_pred)
        roles = {"weight": weight, "cluster": cluster, "time": time, "rows": NOBODY}
        evidence = Evidence(prediction, y_true, **roles)
        return self.estimate(self.cube(evidence), level=level)

    def cube(self, evidence: Evidence) -> Cube:
        """The sums of ``evidence`` that this measure needs."""
        self.check_kind(evidence)
        if self.score_only:
            return score_cube(evidence, grid=self.grid or Grid())
        return sums_of(evidence, grid=self.grid, classes=self.classwise)

    def check_kind(self, evidence: Evidence) -> None:
        """Refuse another kind of prediction."""
        if evidence.prediction.kind not in self.kinds:
            raise EvidenceError(
                self.name,
                f"the prediction is of kind '{evidence.prediction.kind}'",
                do=f"Pass {' or '.join(self.kinds)}, or choose a measure of this kind",
            )


class AbstractMeasure(AbstractStatistic):
    """A statistic that is a smooth function of sums over groups.

    A final class gives the sums (``parts``) and the function (``value``); value, interval, paired
    difference and every slice follow from the two.
    """

    proportion: ClassVar[bool] = False
    quantile: ClassVar[bool] = False
    linear: ClassVar[bool] = False

    @abstractmethod
    def parts(self, cube: Cube) -> np.ndarray:
        """(groups, ...) sums that add over groups."""

    @abstractmethod
    def value(self, sums: np.ndarray) -> np.ndarray:
        """(r,) values of ``sums`` (r, ...); NaN where they say nothing."""

    def scale(self, x: float) -> float:
        """Map a value and the ends of its interval to the scale that is reported."""
        return x

    def replicates(self, cube: Cube) -> Replicates:
        """The value, and that without each group in turn; of resampled groups for quantiles."""
        parts, sizes = self.parts(cube), self.sizes(cube)
        if self.quantile:
            return Replicates.resample(parts, self.value, sizes=sizes)
        made = Replicates.of(parts, self.value, sizes=sizes, in_time=cube.grouping == "block")
        return replace(made, linear=self.linear)

    def sizes(self, cube: Cube) -> np.ndarray:
        """(groups,) rows of the groups that ``parts`` counts over."""
        source = cube.classes if self.classwise and cube.classes is not None else cube.table
        return source.total("n")[:, 0]

    def estimate(self, cube: Cube, *, level: float = 0.95) -> Estimate:
        """Value and interval from a cube."""
        check_level(self.name, level)
        made = self.replicates(cube)
        low, high, how = interval(made, level=level)
        if self.proportion and _few(made.value, cube):
            df = made.freedom if made.in_time else math.inf
            low, high, how = wilson(made.value, effective_size(made, cube), level=level, df=df)
        value, low, high = map(self.scale, (made.value, low, high))
        return Estimate(value, *self._inside(low, high), level, cube.n, how)

    def difference(self, before: Cube, after: Cube, *, level: float = 0.95) -> Estimate:
        """``after`` minus ``before`` on the same rows, with the interval of the pairs."""
        check_level(f"{self.name}.difference", level)
        paired = self.replicates(after).minus(self.replicates(before), scale=self.scale)
        low, high, how = interval(paired, level=level)
        return Estimate(paired.value, low, high, level, after.n, f"paired {how}")

    def _inside(self, low: float, high: float) -> tuple[float, float]:
        least, most = self.reach
        return max(low, least) if low == low else low, min(high, most) if high == high else high


def check_level(who: str, level: float) -> None:
    """Refuse a level outside (0, 1)."""
    if not 0 < level < 1:
        raise UsageError(who, f"level is {level}", do="Pass a share in (0, 1), such as 0.95")


def effective_size(made: Replicates, cube: Cube) -> float:
    """Rows of equal weight, independent of each other, that would carry the same information."""
    w, w2 = cube.table.total("w", "w2").sum(axis=0)
    kish = w**2 / w2
    plain = made.value * (1 - made.value) / kish
    if cube.grouping == "row" or plain <= 0:
        return kish
    return kish / max(made.variance / plain, 1.0)


def _few(share: float, cube: Cube) -> bool:
    return min(share, 1 - share) * cube.n < FEW
