"""Scores of rows: a number for every row, and their weighted mean with its interval."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod

import numpy as np

from trueup.core.cells import tally
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.evidence import Evidence
from trueup.core.grid import Grid
from trueup.core.measure import AbstractMeasure
from trueup.core.predictions import Points, Prediction
from trueup.core.row_sums import row_blocks, weigh
from trueup.core.rows import NOBODY


class AbstractRowSums(AbstractMeasure):
    """A measure that is a function of sums over rows of a few numbers of each.

    A final class gives the numbers of every row, and the function of their sums (``parts`` and
    ``value``); sums by group, interval, paired difference and slices follow.
    """

    @abstractmethod
    def columns(self, prediction: Prediction, truth: np.ndarray) -> dict[str, np.ndarray]:
        """Name -> numbers (n,) of every row, to be summed."""

    def cube(self, evidence: Evidence) -> Cube:
        """Sums by group."""
        self.check_kind(evidence)
        shape = (evidence.group_count, 1)
        columns = weigh(self.of_blocks(evidence), evidence.weight)
        table = tally(evidence.groups(), columns, shape=shape)
        return Cube(Grid(1, 1), table, False, evidence.grouping)

    def of_blocks(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """Columns (n,) of all rows, block by block so that what is between stays in the cache."""
        prediction, truth = evidence.prediction, evidence.truth
        wide = getattr(prediction, "members", getattr(prediction, "values", truth))
        blocks = row_blocks(len(truth), cells=0, width=int(np.prod(wide.shape[1:])))
        # What overflows is no number, and the estimate says so.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            parts = [self.columns(prediction.take(block), truth[block]) for block in blocks]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def estimate(self, cube: Cube, *, level: float = 0.95) -> Estimate:
        """Value and interval from a cube."""
        return _said(super().estimate(cube, level=level))

    def difference(self, before: Cube, after: Cube, *, level: float = 0.95) -> Estimate:
        """``after`` minus ``before`` on the same rows, with the interval of the pairs."""
        return _said(super().difference(before, after, level=level))


class AbstractRowScore(AbstractRowSums):
    """A measure that is the mean over rows of a score of each.

    A final class gives the score of every row; sums by group, value, interval, paired difference
    and slices follow. The sums stand in a cube under the name of the measure.
    """

    linear = True

    @abstractmethod
    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        """Score (n,) of every row."""

    def columns(self, prediction: Prediction, truth: np.ndarray) -> dict[str, np.ndarray]:
        return {self.name: self.rows(prediction, truth)}

    def parts(self, cube: Cube) -> np.ndarray:
        return cube.table.total(self.name, "w")

    def value(self, sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[:, 0] / sums[:, 1]


def _said(made: Estimate) -> Estimate:
    """The estimate; where a row's score is not finite it is no number, and says so."""
    if not made.n or math.isfinite(made.value):
        return made
    how = "no value: the score of a row is not a finite number"
    return dataclasses.replace(made, value=math.nan, low=math.nan, high=math.nan, how=how)


@dataclasses.dataclass(frozen=True)
class _Listed(AbstractRowScore):
    """Scores that were computed elsewhere, handed over as points."""

    name: str = "score"
    label = "Score"
    kinds = ("points",)
    reach = (-math.inf, math.inf)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        assert isinstance(prediction, Points)
        return prediction.values


def mean_of_scores(
    scores: np.ndarray, *, against: np.ndarray | None = None, level: float = 0.95, **roles
) -> Estimate:
    """Mean of ``scores`` (n,) with its interval; with ``against`` (n,) that of their difference.

    ``roles`` are ``weight``, ``cluster`` and ``time`` of ``Evidence``.

    Examples
    --------
    >>> mean_of_scores(np.array([1.0, 3.0]), against=np.array([2.0, 2.0])).value
    0.0
    """
    measure, nothing = _Listed(), np.zeros(len(scores))
    cubes = [
        measure.cube(Evidence(Points(each), nothing, rows=NOBODY, **roles))
        for each in (scores, against)
        if each is not None
    ]
    if against is None:
        return measure.estimate(cubes[0], level=level)
    return measure.difference(cubes[1], cubes[0], level=level)
