"""The NumPy kernel for forecasts of numbers: rows become cells {group x place of the truth}."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trueup.core.cells import tally
from trueup.core.cube import Cube
from trueup.core.forms import Form
from trueup.core.grid import EdgeGrid
from trueup.core.groups import FACTOR, FOLD, MODULUS, hash_groups
from trueup.core.number_sums import (
    SPREADS,
    number_columns,
    place_levels,
    places_of,
    share_name,
    spread_bin,
    usual_share,
)
from trueup.core.predictions import Prediction
from trueup.core.row_sums import weigh
from trueup.core.tables.kernel import PAIR_GROUPS, Sample, Scan, kept, slices_of
from trueup.core.tables.plan import Plan
from trueup.core.tables.reference import compared


BLOCK = 2**18
"""Numbers that are looked at together: what is between stays in the processor's cache."""


@dataclass(eq=False)
class NumberKernel:
    """Turns batches of rows into cells."""

    plan: Plan
    every: int = 1

    @property
    def form(self) -> Form:
        """What was predicted."""
        assert self.plan.roles.form is not None
        return self.plan.roles.form

    @cached_property
    def grid(self) -> EdgeGrid:
        """Places of the truth within the forecast."""
        return EdgeGrid(edges=place_levels(self.form))

    def batch(self, arrays: dict[str, np.ndarray], row: np.ndarray) -> dict:
        """Cells of one batch, whose rows have the numbers ``row`` (n,) in the table."""
        plan, truth = self.plan, np.asarray(arrays["y"], dtype=np.float64)
        weight = np.asarray(arrays["w"]) if "w" in arrays else None
        said = [np.asarray(arrays[f"p{j}"], float) for j in range(self.form.width)]
        group = self._group(arrays, row)
        columns, place = self._columns(said, truth, row)
        spread = spread_bin(columns["sd"]) if "sd" in columns else None
        part: dict = {}
        if "a" in arrays:
            other, where = np.asarray(arrays["a"]), {"group": group, "groups": plan.groups}
            part["against"] = compared(columns, other, truth, weight=weight, **where)
        columns = weigh(columns, weight)
        shape = (plan.groups, self.grid.size)
        part["table"] = tally(group * self.grid.size + place, columns, shape=shape)
        if spread is not None:
            chosen = _some(columns, "sd", "variance", "square", "error")
            shape = (plan.groups, SPREADS)
            part["spread"] = tally(group * SPREADS + spread, chosen, shape=shape)
        part |= self._cut(arrays, group, columns)
        part["sample"] = [self.sample(arrays, row)]
        return part

    def sample(self, arrays: dict[str, np.ndarray], row: np.ndarray) -> Sample:
        """Those of the rows that are kept for what no sum can answer."""
        keep = kept(row, self.every)
        some = {name: np.asarray(column)[keep] for name, column in arrays.items()}
        values = np.column_stack([some[f"p{j}"].astype(float) for j in range(self.form.width)])
        weight, group = some.get("w"), self._group(some, row[keep])
        codes = [some[f"s{i}"].astype(np.uint8) for i in range(len(self.plan.slicers))]
        columns = np.column_stack(codes) if codes else None
        return Sample(values, some["y"].astype(float), group, weight, self.every, columns)

    def _columns(self, said: list, truth: np.ndarray, row: np.ndarray):
        """The columns (n,) to sum and the place (n,) of every truth, a block at a time."""
        size = max(BLOCK // self.form.width, 1)
        found: list[dict] = []
        for first in range(0, max(len(truth), 1), size):
            block = slice(first, first + size)
            values = np.column_stack([column[block] for column in said])
            if self.form.kind == "ensemble":
                values.sort(axis=1)  # once, and not for every measure
            prediction = prediction_of(self.form, values)
            columns = number_columns(prediction, truth[block], self.form, self.plan.scores)
            chance = _chance(row[block])
            place, pit = places_of(prediction, truth[block], self.form, chance)
            found.append(columns | {"pit": pit, "place": place})
        joined = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
        return joined, joined.pop("place")

    def _group(self, arrays: dict, row: np.ndarray) -> np.ndarray:
        if "g" in arrays:
            return np.asarray(arrays["g"]).astype(np.int64)
        if self.plan.grouping == "block":
            return self.plan.clock.block[arrays["t"]]  # type: ignore[union-attr]
        return hash_groups(row)

    def _cut(self, arrays: dict, group: np.ndarray, columns: dict) -> dict:
        """Cells of slices, pairs of them, and chunks of time."""
        plan, part = self.plan, {}
        share = usual_share(self.form)
        usual = [share_name(head, share) for head in ("coverage", "width") if share is not None]
        names = ("error", "absolute", "square", "sd", "variance", "below", *usual)
        columns = _some(columns, *names, *(score.name for score in plan.scores[:1]))
        codes = [np.asarray(arrays[f"s{i}"]) for i in range(len(plan.slicers))]
        sizes = [len(slicer.labels) + 1 for slicer in plan.slicers]
        for i, values in enumerate(sizes):
            shape = (plan.groups, values, 1)
            part[i,] = tally(group * values + codes[i], columns, shape=shape)
        for i, j in plan.pairs:
            key = ((group % PAIR_GROUPS) * sizes[i] + codes[i]) * sizes[j] + codes[j]
            part[i, j] = tally(key, columns, shape=(PAIR_GROUPS, sizes[i] * sizes[j], 1))
        if plan.clock:
            chunk = plan.clock.chunk[arrays["t"]]
            part["chunks"] = tally(chunk, columns, shape=(plan.clock.chunks, 1))
        return part

    def finish(self, total: dict) -> Scan:
        """The scan of all batches together."""
        plan = self.plan
        cube = Cube(
            self.grid,
            total["table"],
            False,
            plan.grouping,
            slices=slices_of(plan, total),
            chunks=total.get("chunks"),
            spread=total.get("spread"),
            against=total.get("against"),
        )
        return Scan(cube, np.zeros(0), sample=Sample.joined(total["sample"]), rows=cube.n)


def prediction_of(form: Form, values: np.ndarray) -> Prediction:
    """The prediction of ``form`` with the columns ``values`` (n, width)."""
    return form.prediction(values, like=None)  # type: ignore[arg-type]


def _some(columns: dict[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
    return {name: columns[name] for name in ("w", "w2", *names) if name in columns}


def _chance(row: np.ndarray) -> np.ndarray:
    """A number (n,) in [0, 1) a row, the same on every machine."""
    mixed = np.fmod(np.asarray(row, dtype=np.int64) + 7, FOLD) * FACTOR % MODULUS
    return (mixed * mixed % MODULUS) / MODULUS
