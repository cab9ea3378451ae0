"""The engine adds the rows up itself: one group-by for the whole cube.

Each set of cells - groups by bins, groups by slices, chunks of time - gives a row one whole number.
Stacked under each other these numbers are one column, and the cube is its group-by: one scan of the
table, whatever is cut. Several classes take a second scan, for every class against the rest.
"""

from __future__ import annotations

from math import prod

import narwhals as nw
import numpy as np

from trueup.core.cells import Cells
from trueup.core.grid import Grid
from trueup.core.groups import GROUPS
from trueup.core.probabilities import EPS
from trueup.core.row_sums import CLASS_GROUPS, class_grid_of
from trueup.core.tables.kernel import (
    PAIR_BINS,
    PAIR_GROUPS,
    SLICE_BINS,
    Kernel,
    Sample,
    Scan,
)
from trueup.core.tables.plan import Plan
from trueup.core.tables.remote.rows import RemotePlan, mixed, prepared
from trueup.core.tables.remote.table import RemoteTable


IMPOSSIBLE = -np.log(EPS) * (1 - 1e-12)


def summed(table: RemoteTable, plan: RemotePlan, *, every: int = 1) -> Scan:
    """The scan of a table, by group-bys of its engine."""
    kernel = Kernel(plan, Grid(), every=every)
    rows = prepared(table, plan)
    if plan.clock and plan.grouping == "block":
        rows = rows.with_columns(g=_part(plan.clock.block))
    shapes, keys = _keys(plan, kernel.grid)
    sums = _statistics(plan)
    stats = {name: sums[name] for name in sums if name not in ("score", "given")}
    numbered = (
        rows.with_columns(y_=nw.col("y"), **{n: sums[n] for n in ("score", "given") if n in sums})
        .with_columns(**stats, b=bin_of("score", kernel.grid))
        .select(*stats, **keys)
    )
    stacked = table.engine.unpivot(numbered, list(keys), list(stats))
    counted = stacked.group_by("value").agg(nw.len().alias("n"), *(nw.col(s).sum() for s in stats))
    total = _spread(table.arrays(counted), shapes, ["n", *stats])
    zeros = int(total["table"].pop("zeros").sum())
    made: dict = {"zeros": zeros}
    if plan.roles.event:
        made["counts"] = _event_counts(total["table"])
    else:
        truths = total.pop("truths")
        made["counts"] = truths["n"].sum(axis=(0, 2)).astype(np.int64)
        made["classes"] = _classes(table, plan, rows, truths, kernel.grid)
        made["sample"] = [_sample(table, plan, rows, every)]
    for key, found in total.items():
        kept = {k: v for k, v in found.items() if k not in ("zeros", "happened")}
        if isinstance(key, tuple):
            kept.pop("brier")
        made[key] = Cells(tuple(kept), np.stack(list(kept.values())))
    return kernel.finish(made)


def _event_counts(sums: dict) -> np.ndarray:
    happened = int(sums["happened"].sum())
    return np.array([int(sums["n"].sum()) - happened, happened])


def _part(part_of_bucket: np.ndarray) -> nw.Expr:
    """The part that a bucket of time lies in: how many later parts have begun."""
    part = nw.lit(0)
    for start in np.flatnonzero(np.diff(part_of_bucket)) + 1:
        part = part + (nw.col("t") >= int(start)).cast(nw.Int64)
    return part


def _keys(plan: Plan, grid: Grid) -> tuple[dict, dict[str, nw.Expr]]:
    """Shape of every set of cells, and the number of a row's cell among all of them."""
    g, b, size = nw.col("g"), nw.col("b"), grid.size
    shapes: dict = {"table": (plan.groups, size)}
    cells: list[nw.Expr] = [g * size + b]
    fine, rough = b * SLICE_BINS // size, b * PAIR_BINS // size
    for i, s in enumerate(plan.slicers):
        shapes[i,] = (plan.groups, len(s.labels) + 1, SLICE_BINS)
        cells.append((g * (len(s.labels) + 1) + nw.col(f"s{i}")) * SLICE_BINS + fine)
    for i, j in plan.pairs:
        one, two = len(plan.slicers[i].labels) + 1, len(plan.slicers[j].labels) + 1
        shapes[i, j] = (PAIR_GROUPS, one * two, PAIR_BINS)
        place = ((g % PAIR_GROUPS) * one + nw.col(f"s{i}")) * two + nw.col(f"s{j}")
        cells.append(place * PAIR_BINS + rough)
    if plan.clock:
        shapes["chunks"] = (plan.clock.chunks, SLICE_BINS)
        cells.append(_part(plan.clock.chunk) * SLICE_BINS + fine)
    if not plan.roles.event:
        classes = class_grid_of(plan.k, grid)
        shapes["truths"] = (CLASS_GROUPS, plan.k, classes.size)
        place = (g % CLASS_GROUPS) * plan.k + nw.col("y_")
        cells.append(place * classes.size + bin_of("given", classes))
    before = np.cumsum([0, *map(prod, shapes.values())])
    return shapes, {f"k{i}": cell + int(before[i]) for i, cell in enumerate(cells)}


def _spread(found: dict, shapes: dict, names: list[str]) -> dict:
    """The sums at their places: set of cells -> name -> array of its shape."""
    sizes = [prod(shape) for shape in shapes.values()]
    before = np.cumsum([0, *sizes])
    place = np.asarray(found["value"], dtype=np.int64)
    total: dict = {key: {} for key in shapes}
    for name in names:
        sums = np.zeros(before[-1])
        sums[place] = np.asarray(found[name], dtype=np.float64)
        for i, (key, shape) in enumerate(shapes.items()):
            total[key][name] = sums[before[i] : before[i + 1]].reshape(shape)
    return total


def _statistics(plan: Plan) -> dict[str, nw.Expr]:
    """The score, and the columns to sum: w, w2, y, p, brier, loss, zeros."""
    found = _event() if plan.roles.event else _several(plan)
    loss, weight = found["loss"], nw.col("w")
    impossible = loss >= IMPOSSIBLE
    if plan.roles.weight:
        impossible = impossible & (weight > 0)
        weighed = {name: found[name] * weight for name in ("y", "p", "brier", "loss")}
        found = {"w": weight, "w2": weight * weight} | found | weighed
    return found | {"zeros": impossible.cast(nw.Int64)}


def _event() -> dict[str, nw.Expr]:
    p, happened = nw.col("p0"), nw.col("y") == 1
    said = nw.when(happened).then(p).otherwise(1.0 - p)
    miss = nw.when(happened).then(1.0 - p).otherwise(p)
    y = happened.cast(nw.Float64)
    sums = {"y": y, "p": nw.col("score"), "brier": miss * miss, "loss": -_floor(said).log()}
    return {"score": p, **sums, "happened": happened.cast(nw.Int64)}


def _several(plan: Plan) -> dict[str, nw.Expr]:
    columns, code = _shares(plan), nw.col("y")
    top = nw.max_horizontal(*columns)
    brier, given, winner = nw.lit(0.0), nw.lit(0.0), nw.lit(len(columns))
    for j, p in reversed(list(enumerate(columns))):
        is_truth = code == j
        residual = nw.when(is_truth).then(p - 1.0).otherwise(p)
        brier = brier + residual * residual
        given = nw.when(is_truth).then(p).otherwise(given)
        winner = nw.when(p == top).then(nw.lit(j)).otherwise(winner)  # a tie goes to the first
    right = (winner == code).cast(nw.Float64)
    loss = -_floor(nw.col("given")).log()
    return {"score": top, "given": given, "y": right, "p": nw.col("score"), "brier": brier,
            "loss": loss}  # fmt: skip


def _shares(plan: Plan) -> list[nw.Expr]:
    """Probabilities of the classes, divided by their sum where that was asked for."""
    columns = [nw.col(f"p{j}") for j in range(plan.k)]
    if not plan.profile.normalize:
        return columns
    total = nw.sum_horizontal(*columns)
    return [column / total for column in columns]


def _classes(table: RemoteTable, plan: Plan, rows, truths: dict, grid: Grid) -> Cells:
    """Every class against the rest: who says how much, beside who was it from ``truths``."""
    grid, k = class_grid_of(plan.k, grid), plan.k
    shape = (CLASS_GROUPS, k, grid.size)
    weight = ["w"] if plan.roles.weight else []
    given = {f"q{j}": share for j, share in enumerate(_shares(plan))}
    apart = rows.select(*weight, h=nw.col("g") % CLASS_GROUPS, **given)
    stacked = table.engine.unpivot(apart, list(given), ["h", *weight])
    p, sums = nw.col("value"), {}
    if weight:
        sums = {"w": nw.col("w"), "w2": nw.col("w") * nw.col("w")}
        p = p * nw.col("w")
    cell = nw.col("h") * grid.size + bin_of("value", grid)
    found = table.arrays(
        stacked.select("variable", cell=cell, **sums, p=p)
        .group_by("variable", "cell")
        .agg(nw.len().alias("n"), *(nw.col(name).sum() for name in [*sums, "p"]))
    )
    j = np.array([int(str(name)[1:]) for name in found["variable"].tolist()], dtype=np.int64)
    group, place = np.divmod(np.asarray(found["cell"], dtype=np.int64), grid.size)
    made = {name: np.zeros(shape) for name in ("n", *sums, "y", "p")}
    for name in ("n", *sums, "p"):
        made[name][group, j, place] = np.asarray(found[name], dtype=np.float64)
    made["y"] = truths["w" if weight else "n"]
    return Cells(tuple(made), np.stack(list(made.values())))


def _sample(table: RemoteTable, plan: Plan, rows, every: int) -> Sample:
    """Rows for what no cell can answer, chosen by the hash of their number, in its order."""
    kept = rows.filter(mixed(nw.col("r") + 1) // GROUPS % every == 0)
    weight = ["w"] if plan.roles.weight else []
    columns = [f"p{j}" for j in range(plan.k)]
    found = table.arrays(kept.select("r", "y", "g", *weight, *columns))
    probs = np.column_stack([np.asarray(found[name], dtype=np.float64) for name in columns])
    order = np.lexsort([*probs.T, found["y"], found["r"]])
    if plan.profile.normalize:
        probs /= probs.sum(axis=1, keepdims=True)
    whole = {name: np.asarray(found[name])[order].astype(np.int64) for name in ("y", "g")}
    mass = np.asarray(found["w"], dtype=np.float64)[order] if weight else None
    return Sample(probs[order].astype(np.float32), whole["y"], whole["g"], mass, every)


def bin_of(score: str, grid: Grid) -> nw.Expr:
    """The bin of a score; see ``Grid.__call__``."""
    p = nw.col(score)
    odds = _floor(p).log() - _floor(1.0 - p).log()
    step = (odds * (grid.logit / 32) + grid.logit / 2).floor().clip(0, grid.logit - 1)
    top = (p * grid.scale).ceil()
    width = top + (p > top / grid.width).cast(nw.Float64) - 1.0
    return (step + width.clip(0, grid.width - 1)).cast(nw.Int64)


def _floor(p: nw.Expr) -> nw.Expr:
    return p.clip(EPS, None)
