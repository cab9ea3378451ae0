"""Scores of rows: a number for every row, and their weighted mean with its interval."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from trueup.core.cells import tally
from trueup.core.cube import Cube
from trueup.core.evidence import Evidence
from trueup.core.grid import Grid
from trueup.core.measure import AbstractMeasure
from trueup.core.predictions import Prediction
from trueup.core.row_sums import row_blocks, weigh


class AbstractRowScore(AbstractMeasure):
    """A measure that is the mean over rows of a score of each.

    A final class gives the score of every row; sums by group, value, interval, paired difference
    and slices follow. The sums stand in a cube under the name of the measure.
    """

    @abstractmethod
    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        """Score (n,) of every row."""

    def cube(self, evidence: Evidence) -> Cube:
        """Sums by group."""
        self.check_kind(evidence)
        columns = {self.name: self.of_blocks(evidence)}
        shape = (evidence.group_count, 1)
        table = tally(evidence.groups(), weigh(columns, evidence.weight), shape=shape)
        return Cube(Grid(1, 1), table, False, evidence.grouping)

    def of_blocks(self, evidence: Evidence) -> np.ndarray:
        """Score (n,) of every row, block by block so that what is between stays in the cache."""
        prediction, truth = evidence.prediction, evidence.truth
        wide = getattr(prediction, "members", getattr(prediction, "values", truth))
        width = int(np.prod(wide.shape[1:])) or 1
        blocks = row_blocks(len(truth), cells=0, width=width)
        parts = [self.rows(prediction.take(block), truth[block]) for block in blocks]
        return np.concatenate(parts) if parts else np.zeros(0)

    def parts(self, cube: Cube) -> np.ndarray:
        return cube.table.total(self.name, "w")

    def value(self, sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[:, 0] / sums[:, 1]
