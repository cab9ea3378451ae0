"""The NumPy kernel: rows become cells, cells add up to the cube."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trueup.core.cells import Cells, tally
from trueup.core.cube import Cube
from trueup.core.grid import Grid
from trueup.core.groups import FACTOR, FOLD, GROUPS, MODULUS, hash_groups
from trueup.core.probabilities import EPS, Probabilities, trusted
from trueup.core.row_sums import (
    CLASS_GROUPS,
    class_cells,
    class_grid_of,
    event_statistics,
    row_columns,
    weigh,
)
from trueup.core.tables.plan import Plan
from trueup.core.tables.source import BATCH


SLICE_BINS, PAIR_BINS, PAIR_GROUPS = 64, 16, 32
SAMPLE = 800_000
"""Probabilities kept of a table of several classes, to fit maps that no cube can."""
LEAST_SAMPLE = 20_000
"""Rows kept, however many classes there are."""


@dataclass(eq=False)
class Sample:
    """Rows kept for what a cube cannot answer: (n, k) columns of predictions and their roles.

    ``codes`` (n, slicers) are the numbers of the slices of every row, where they are kept.
    """

    probs: np.ndarray
    truth: np.ndarray
    group: np.ndarray
    weight: np.ndarray | None = None
    every: int = 1
    codes: np.ndarray | None = None

    @classmethod
    def joined(cls, parts: list[Sample]) -> Sample:
        """One sample of those of all batches."""

        def whole(name: str) -> np.ndarray | None:
            if getattr(parts[0], name) is None:
                return None
            return np.concatenate([getattr(part, name) for part in parts])

        return cls(
            np.concatenate([part.probs for part in parts]),
            np.concatenate([part.truth for part in parts]),
            np.concatenate([part.group for part in parts]),
            whole("weight"),
            parts[0].every,
            whole("codes"),
        )


@dataclass(eq=False)
class Scan:
    """What the pass over a table leaves behind.

    Attributes
    ----------
    cube
        Sums of everything.
    class_counts
        (k,) rows of each class of the truth.
    zeros
        Rows that gave probability 0 to what happened.
    sample
        Rows for fitting maps of several classes; None for an event.
    """

    cube: Cube
    class_counts: np.ndarray
    zeros: int = 0
    sample: Sample | None = None
    rows: int = field(default=0)


def kept_one_in(plan: Plan) -> int:
    """One row in this many is kept."""
    rows = max(SAMPLE // max(plan.k, len(plan.roles.values)), LEAST_SAMPLE)
    return max(1, -(-plan.profile.rows // rows))


def kept(row: np.ndarray, every: int) -> np.ndarray:
    """Which rows (n,) are kept, by their numbers: one in ``every``."""
    mixed = np.fmod(row + 1, FOLD) * FACTOR % MODULUS
    return mixed * mixed % MODULUS // GROUPS % every == 0


def absorb(total: dict, part: dict) -> None:
    """Add the sums of some rows to those of others."""
    for key, value in part.items():
        total[key] = total[key] + value if key in total else value


def batch_of(kernel: Kernel, arrays: dict[str, np.ndarray]) -> dict:
    """Sums of rows of any number, whose numbers are ``r``, a batch at a time."""
    total: dict = {}
    for first in range(0, max(len(arrays["y"]), 1), BATCH):
        part = {name: column[first : first + BATCH] for name, column in arrays.items()}
        absorb(total, kernel.batch(part, part["r"]))
    return total


@dataclass(eq=False)
class Kernel:
    """Turns batches of rows into cells."""

    plan: Plan
    grid: Grid
    every: int = 1

    def batch(self, arrays: dict[str, np.ndarray], row: np.ndarray) -> dict:
        """Cells of one batch, whose rows have the numbers ``row`` (n,) in the table."""
        plan, truth = self.plan, np.asarray(arrays["y"])
        weight = np.asarray(arrays["w"]) if "w" in arrays else None
        group = self._group(arrays, row)
        part, prediction = {}, None
        if plan.roles.event:
            stats, odds = event_statistics(np.asarray(arrays["p0"]), truth.astype(bool))
            columns, fine = weigh(stats, weight), self.grid(stats["p"], odds=odds)
        else:
            truth, prediction = truth.astype(np.int64), self._prediction(arrays)
            columns, fine = row_columns(prediction, truth, weight, grid=self.grid)
            grid = class_grid_of(prediction.k, self.grid)
            part["classes"] = class_cells(prediction.probs, truth, group, grid, weight)
            part["sample"] = [self._sample(prediction, truth, group, weight, row)]
        part["table"] = self._cells(group, fine, columns)
        part |= self._slices(arrays, group, fine, columns)
        if plan.clock:
            chunk = plan.clock.chunk[arrays["t"]]
            key = chunk * SLICE_BINS + self.grid.coarse(SLICE_BINS)[fine]
            part["chunks"] = tally(key, columns, shape=(plan.clock.chunks, SLICE_BINS))
        part["counts"] = np.bincount(truth, minlength=plan.k)
        loss = columns["loss"] if weight is None else columns["loss"] / np.maximum(weight, 1e-300)
        part["zeros"] = int((loss >= -np.log(EPS) * (1 - 1e-12)).sum())
        return part

    def _prediction(self, arrays: dict) -> Probabilities:
        columns = [np.asarray(arrays[f"p{j}"], float) for j in range(len(self.plan.roles.probs))]
        probs = np.column_stack(columns)
        if self.plan.profile.normalize:
            probs /= probs.sum(axis=1, keepdims=True)
        return trusted(probs, self.plan.profile.classes, False, None)

    def _group(self, arrays: dict, row: np.ndarray) -> np.ndarray:
        if "g" in arrays:
            return np.asarray(arrays["g"]).astype(np.int64)
        if self.plan.grouping == "block":
            return self.plan.clock.block[arrays["t"]]  # type: ignore[union-attr]
        return hash_groups(row)

    def _cells(self, group, fine, columns) -> Cells:
        shape = (self.plan.groups, self.grid.size)
        return tally(group * self.grid.size + fine, columns, shape=shape)

    def _slices(self, arrays: dict, group, fine, columns) -> dict:
        plan, part = self.plan, {}
        columns = _without(columns, "brier")
        codes = [np.asarray(arrays[f"s{i}"]) for i in range(len(plan.slicers))]
        coarse = self.grid.coarse(SLICE_BINS)[fine]
        for i, s in enumerate(plan.slicers):
            values = len(s.labels) + 1
            key = (group * values + codes[i]) * SLICE_BINS + coarse
            part[i,] = tally(key, columns, shape=(plan.groups, values, SLICE_BINS))
        coarse = self.grid.coarse(PAIR_BINS)[fine]
        for i, j in plan.pairs:
            a, b = len(plan.slicers[i].labels) + 1, len(plan.slicers[j].labels) + 1
            key = ((group % PAIR_GROUPS) * a + codes[i]) * b + codes[j]
            shape = (PAIR_GROUPS, a * b, PAIR_BINS)
            part[i, j] = tally(key * PAIR_BINS + coarse, columns, shape=shape)
        return part

    def _sample(self, prediction, truth, group, weight, row) -> Sample:
        keep = kept(row, self.every)
        weight = None if weight is None else weight[keep]
        return Sample(
            prediction.probs[keep].astype(np.float32), truth[keep], group[keep], weight, self.every
        )

    def finish(self, total: dict) -> Scan:
        """The scan of all batches together."""
        plan = self.plan
        classes = total.get("classes")
        cube = Cube(
            self.grid,
            total["table"],
            plan.roles.event,
            plan.grouping,
            classes,
            class_grid_of(plan.k, self.grid) if classes else None,
            slices_of(plan, total),
            total.get("chunks"),
        )
        sample = Sample.joined(total["sample"]) if "sample" in total else None
        return Scan(cube, total["counts"], total["zeros"], sample, cube.n)


def slices_of(plan: Plan, total: dict) -> dict:
    """Columns of every slicer and pair -> their values and cells."""
    return {
        tuple(plan.slicers[i].column for i in key): (labels_of(plan, key), cells)
        for key, cells in total.items()
        if isinstance(key, tuple)
    }


def labels_of(plan: Plan, key: tuple[int, ...]) -> list[tuple[str | None, ...]]:
    """Values of every slice; the last of a column, None, is what was not examined."""
    lists = [[*plan.slicers[i].labels, None] for i in key]
    if len(lists) == 1:
        return [(value,) for value in lists[0]]
    return [(a, b) for a in lists[0] for b in lists[1]]


def _without(columns: dict, name: str) -> dict:
    return {key: column for key, column in columns.items() if key != name}


assert CLASS_GROUPS == PAIR_GROUPS, "pairs and classes fold groups alike"
