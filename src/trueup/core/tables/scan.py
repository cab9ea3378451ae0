"""The one pass over a table: batches become cells, cells add up to the cube."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from trueup.core.cells import Cells, tally
from trueup.core.cube import (
    CLASS_GROUPS,
    Cube,
    class_cells,
    class_grid_of,
    event_statistics,
    row_columns,
    weigh,
)
from trueup.core.grid import Grid
from trueup.core.groups import FACTOR, FOLD, MODULUS, hash_groups
from trueup.core.predictions import EPS, Probabilities, trusted
from trueup.core.tables.names import quoted
from trueup.core.tables.plan import Plan
from trueup.core.tables.source import Table


PLACE = '"place in its model"'
SLICE_BINS, PAIR_BINS, PAIR_GROUPS = 64, 16, 32
SAMPLE = 800_000
"""Probabilities kept of a table of several classes, to fit maps that no cube can."""
LEAST_SAMPLE = 20_000
"""Rows kept, however many classes there are."""


@dataclass(eq=False)
class Sample:
    """Rows kept for what a cube cannot answer: (n, k) probabilities and their roles."""

    probs: np.ndarray
    truth: np.ndarray
    group: np.ndarray
    weight: np.ndarray | None = None
    every: int = 1


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


def scan(
    table: Table,
    plan: Plan,
    *,
    threads: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Scan:
    """Sum the rows of ``table`` that take part, batch by batch, always in the same order.

    ``progress`` is told the number of rows after each batch.
    """
    kernel = Kernel(plan, Grid(), every=_every(plan))
    batches = list(table.batches())
    places = _places(table, plan, batches)

    def work(batch) -> dict:
        relation, number, first, last, before = batch
        arrays = table.arrays(_select(plan, relation, number, first, last))
        row = np.asarray(arrays["row_"]) if "row_" in arrays else np.arange(first, last)
        return kernel.batch(arrays, row + places.get((before, first), before))

    total: dict = {}
    table.connection.execute("SET threads = 1")  # the pool is what runs side by side
    with ThreadPoolExecutor(threads) as pool:
        for batch, part in zip(batches, _bounded(pool, work, batches, threads + 1), strict=True):
            _absorb(total, part)
            if progress:
                progress(batch[3] + batch[4])
    return kernel.finish(total)


def _every(plan: Plan) -> int:
    """One row in this many is kept."""
    rows = max(SAMPLE // plan.k, LEAST_SAMPLE)
    return max(1, -(-plan.profile.rows // rows))


def _places(table: Table, plan: Plan, batches: list) -> dict[tuple[int, int], int]:
    """Rows of this model before each batch, where a row is known by its place in its model."""
    places, rows = {}, 0
    for relation, number, first, last, before in batches if plan.only else []:
        places[before, first] = rows
        sql = f"SELECT count(*) FROM {relation} WHERE {number} >= {first} AND {number} < {last}"
        rows += table.query(f"{sql} AND {plan.only}")[0][0]
    return places


def _bounded(pool, work, items, ahead: int):
    """Results in order, with at most ``ahead`` waiting: memory does not grow with the table."""
    waiting: list = []
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > ahead:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _select(plan: Plan, relation: str, number: str, first: int, last: int) -> str:
    items = {"y": plan.profile.truth_sql}
    inside = f"{number} >= {first} AND {number} < {last}"
    if plan.only:
        place = f"row_number() OVER (ORDER BY {number}) - 1 AS {PLACE}"
        relation = f"(SELECT *, {place} FROM {relation} WHERE {inside} AND {plan.only})"
        items["row_"], inside = PLACE, "true"
    elif plan.where != "true":
        items["row_"] = number
    items |= {f"p{j}": quoted(name) for j, name in enumerate(plan.roles.probs)}
    items |= {f"s{i}": s.sql for i, s in enumerate(plan.slicers)}
    if plan.group_sql:
        items["g"] = plan.group_sql
    if plan.clock:
        items["t"] = plan.clock.sql
    if plan.roles.weight:
        items["w"] = f"{quoted(plan.roles.weight)}::DOUBLE"
    listed = ", ".join(f"{sql} AS {name}" for name, sql in items.items())
    return f"SELECT {listed} FROM {relation} WHERE {inside} AND {plan.where}"


def _absorb(total: dict, part: dict) -> None:
    for key, value in part.items():
        if key == "sample":
            total.setdefault(key, []).append(value)
        else:
            total[key] = total[key] + value if key in total else value


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
            part["sample"] = self._sample(prediction, truth, group, weight, row)
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
        mixed = np.fmod(row + 1, FOLD) * FACTOR % MODULUS
        keep = mixed * mixed % MODULUS // 128 % self.every == 0
        kept = None if weight is None else weight[keep]
        return Sample(
            prediction.probs[keep].astype(np.float32), truth[keep], group[keep], kept, self.every
        )

    def finish(self, total: dict) -> Scan:
        """The scan of all batches together."""
        plan = self.plan
        slices = {
            tuple(plan.slicers[i].column for i in key): (_labels(plan, key), cells)
            for key, cells in total.items()
            if isinstance(key, tuple)
        }
        classes = total.get("classes")
        cube = Cube(
            self.grid,
            total["table"],
            plan.roles.event,
            plan.grouping,
            classes,
            class_grid_of(plan.k, self.grid) if classes else None,
            slices,
            total.get("chunks"),
        )
        sample = _joined(total["sample"]) if "sample" in total else None
        return Scan(cube, total["counts"], total["zeros"], sample, cube.n)


def _labels(plan: Plan, key: tuple[int, ...]) -> list[tuple[str | None, ...]]:
    """Values of every slice; the last of a column, None, is what was not examined."""
    lists = [[*plan.slicers[i].labels, None] for i in key]
    if len(lists) == 1:
        return [(value,) for value in lists[0]]
    return [(a, b) for a in lists[0] for b in lists[1]]


def _joined(parts: list[Sample]) -> Sample:
    weight = None
    if parts[0].weight is not None:
        weight = np.concatenate([part.weight for part in parts])  # type: ignore[misc]
    return Sample(
        np.concatenate([part.probs for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.group for part in parts]),
        weight,
        parts[0].every,
    )


def _without(columns: dict, name: str) -> dict:
    return {key: column for key, column in columns.items() if key != name}


assert CLASS_GROUPS == PAIR_GROUPS, "pairs and classes fold groups alike"
