"""Where corrections are learned, chosen and proven: on cells for an event, on rows for classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from trueup.core.cells import Cells
from trueup.core.cube import Cube, cube_of
from trueup.core.evidence import Evidence, Grouping
from trueup.core.fitted import Fitted
from trueup.core.grid import Grid
from trueup.core.probabilities import Probabilities, trusted
from trueup.core.rows import Rows
from trueup.core.tables.kernel import Sample, Scan


class AbstractBench(ABC):
    """Evidence by groups, before and after a correction."""

    exact: bool

    @abstractmethod
    def sizes(self) -> np.ndarray:
        """(groups,) rows of every group; rows of weight 0 do not count."""

    @abstractmethod
    def evidence(self, groups: np.ndarray) -> Evidence:
        """Evidence of the groups where ``groups`` is True."""

    @abstractmethod
    def cubes(self, fitted: Fitted, groups: np.ndarray) -> tuple[Cube, Cube]:
        """Cubes of these groups before and after the correction, row by row the same."""


class Behind(Rows):
    """The groups of rows behind cells: a cell holds rows of each, and so do some of the cells."""

    def take(self, index) -> Rows:
        return self


@dataclass(frozen=True, eq=False)
class CellBench(AbstractBench):
    """Every row of a table of event probabilities, through cells of its cube.

    Rows of one cell have nearly the same score, so the cell's mean score stands for each of them;
    before and after are treated alike, so that their difference is not touched by it.

    Attributes
    ----------
    table
        Cells (groups, cells).
    grid, grouping
        Those of the cube.
    by
        Column -> its value (cells,) in every cell, for corrections that read it.
    """

    table: Cells
    grid: Grid
    grouping: str
    by: Mapping[str, np.ndarray] = field(default_factory=dict)

    exact = True

    def sizes(self) -> np.ndarray:
        n, w = self.table.total("n", "w").T
        return np.where(w > 0, n, 0.0)

    def evidence(self, groups: np.ndarray) -> Evidence:
        w, y, p = (self.table[name][groups].sum(axis=0) for name in ("w", "y", "p"))
        used = w > 0
        score, w, y = p[used] / w[used], w[used], y[used]
        return Evidence(
            Probabilities(np.clip(np.tile(score, 2), 0.0, 1.0)),
            np.repeat([1, 0], len(score)),
            weight=np.maximum(np.concatenate([y, w - y]), 0.0),
            by={column: np.tile(values[used], 2) for column, values in self.by.items()},
            rows=Behind(Rows.of([], keys=np.flatnonzero(groups)).ids),
        )

    def cubes(self, fitted: Fitted, groups: np.ndarray) -> tuple[Cube, Cube]:
        table = self.table.of_groups(groups)
        w, p = table["w"].sum(axis=0), table["p"].sum(axis=0)
        before = Probabilities(np.clip(p / np.where(w > 0, w, 1.0), 0.0, 1.0))
        after = fitted.apply(before, **{name: self.by[name] for name in fitted.needs})
        # What rows of a cell lose more than their mean does, they lose before and after.
        beyond = table["loss"] - _loss(table, before)
        return self._scored(table, before, beyond), self._scored(table, after, beyond)

    def _scored(self, table: Cells, prediction: Probabilities, beyond: np.ndarray) -> Cube:
        """The cube of ``table`` if every row of cell c said ``prediction[c]``, in its new bin."""
        p = prediction.probs[:, 1]
        w, y = table["w"], table["y"]
        sums = {name: table[name] for name in table.names} | {
            "p": w * p,
            "brier": y * (1 - p) ** 2 + (w - y) * p**2,
            "loss": beyond + _loss(table, prediction),
        }
        kept = np.stack(list(sums.values()))
        bins = self.grid(p)
        order = np.argsort(bins, kind="stable")
        new, first = np.unique(bins[order], return_index=True)
        moved = np.zeros((*kept.shape[:2], self.grid.size))
        moved[..., new] = np.add.reduceat(kept[..., order], first, axis=-1)
        return Cube(self.grid, Cells(tuple(sums), moved), True, self.grouping)


def _loss(table: Cells, prediction: Probabilities) -> np.ndarray:
    """Log loss (groups, cells) if every row of cell c said ``prediction[c]``."""
    logs, y = prediction.log_probs(), table["y"]
    return -(y * logs[:, 1] + (table["w"] - y) * logs[:, 0])


@dataclass(frozen=True, eq=False)
class RowBench(AbstractBench):
    """A seeded sample of rows of a table of several classes."""

    sample: Sample
    count: int
    kind: str
    classes: tuple

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether the sample is the whole table."""
        return self.sample.every == 1

    def sizes(self) -> np.ndarray:
        return np.bincount(self.sample.group, self._counted, minlength=self.count).astype(float)

    @property
    def _counted(self) -> np.ndarray | None:
        return None if self.sample.weight is None else self.sample.weight > 0

    def evidence(self, groups: np.ndarray) -> Evidence:
        keep = groups[self.sample.group]
        probs = self.sample.probs[keep].astype(np.float64)
        probs /= probs.sum(axis=1, keepdims=True)
        group = self.sample.group[keep]
        return Evidence(
            trusted(probs, self.classes, False, None),
            self.sample.truth[keep],
            weight=None if self.sample.weight is None else self.sample.weight[keep],
            grouped=Grouping(group, self.count, self.kind),
            rows=Rows.of([], keys=np.flatnonzero(keep)),
        )

    def cubes(self, fitted: Fitted, groups: np.ndarray) -> tuple[Cube, Cube]:
        on = self.evidence(groups)
        after = replace(on, prediction=fitted.apply(on.prediction))
        return cube_of(on), cube_of(after)


def bench_of(found: Scan, classes: tuple) -> AbstractBench:
    """The bench of a scanned table."""
    if found.sample is None:
        cube = found.cube
        return CellBench(cube.table, cube.grid, cube.grouping)
    return RowBench(found.sample, found.cube.table.shape[0], found.cube.grouping, classes)
