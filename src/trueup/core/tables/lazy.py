"""The cube as one Narwhals expression: what runs where the table already lives.

Polars, pyarrow, DuckDB, Ibis, Dask and Spark tables are all lazy frames to Narwhals; only cells
travel. The NumPy kernel is the oracle: counts and the sums of y and p are equal to the letter, the
rest to 1e-12.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np

from trueup.core.cells import Cells
from trueup.core.cube import Cube
from trueup.core.errors import UsageError
from trueup.core.grid import Grid
from trueup.core.groups import FACTOR, FOLD, GROUPS, MODULUS
from trueup.core.predictions import EPS


NAMES = ("n", "y", "p", "brier", "loss")


def cube_of_lazy(
    table: Any,
    *,
    truth: str,
    probs: list[str],
    key: str,
    event: bool = True,
    grid: Grid | None = None,
) -> Cube:
    """The cube of a table in any engine that Narwhals knows, computed by that engine.

    Parameters
    ----------
    table
        A native table or lazy frame.
    truth
        Column of class codes 0 .. k - 1, or of 0 and 1 for an event.
    probs
        Columns of class probabilities, or the one of the event's.
    key
        Integer column whose hash is the group: what makes a row unique, or its cluster.
    event
        Whether ``probs`` is the probability of an event.
    grid
        The bins; None means the common grid.

    Raises
    ------
    UsageError
        A column is missing, or the key is not an integer.

    Examples
    --------
    >>> import polars
    >>> from trueup.worlds import planted_table
    >>> table = polars.LazyFrame(planted_table(1_000).columns)
    >>> cube_of_lazy(table, truth="y", probs=["p"], key="id").n
    1000
    """
    grid = grid or Grid()
    frame = nw.from_native(table).lazy()
    _check(frame, [truth, *probs, key], key)
    score, columns = _event(truth, probs[0]) if event else _classes(truth, probs)
    cells = (
        frame.select(_group(key).alias("g"), *(e.alias(n) for n, e in (score | columns).items()))
        .with_columns(_bin("score", grid).alias("b"))
        .group_by("g", "b")
        .agg(nw.len().alias("n"), *(nw.col(name).sum() for name in NAMES[1:]))
    )
    native = cells.to_native()
    # DuckDB hands over NumPy itself; through Narwhals it would need pyarrow.
    columns = native.fetchnumpy() if hasattr(native, "fetchnumpy") else cells.collect()
    sums = np.zeros((len(NAMES), GROUPS, grid.size))
    where = (np.asarray(columns["g"], dtype=np.int64), np.asarray(columns["b"], dtype=np.int64))
    for i, name in enumerate(NAMES):
        sums[i][where] = np.asarray(columns[name], dtype=np.float64)
    return Cube(grid, Cells(NAMES, sums), event)


def _check(frame: nw.LazyFrame, names: list[str], key: str) -> None:
    schema = frame.collect_schema()
    missing = [name for name in names if name not in schema]
    if missing or not schema[key].is_integer():
        what = f"no column {missing[0]!r}" if missing else f"key {key!r} is {schema[key]}"
        raise UsageError(
            "cube_of_lazy",
            f"{what}; the table has {list(schema)[:20]}",
            do="Name columns of the table, and an integer key",
        )


def _group(key: str) -> nw.Expr:
    """The portable hash of an integer key; see ``groups.hash_groups``."""
    mixed = nw.col(key).cast(nw.Int64).abs() % FOLD * FACTOR % MODULUS
    return mixed * mixed % MODULUS % GROUPS


def _event(truth: str, prob: str) -> tuple[dict[str, nw.Expr], dict[str, nw.Expr]]:
    p, happened = nw.col(prob).cast(nw.Float64), nw.col(truth).cast(nw.Int64) == 1
    said = nw.when(happened).then(p).otherwise(1.0 - p)
    miss = nw.when(happened).then(1.0 - p).otherwise(p)
    y = happened.cast(nw.Float64)
    loss = -_floor(said).log()
    return {"score": p}, {"y": y, "p": p, "brier": miss * miss, "loss": loss}


def _classes(truth: str, probs: list[str]) -> tuple[dict[str, nw.Expr], dict[str, nw.Expr]]:
    code = nw.col(truth).cast(nw.Int64)
    columns = [nw.col(name).cast(nw.Float64) for name in probs]
    top = nw.max_horizontal(*columns)
    brier, given, winner = nw.lit(0.0), nw.lit(0.0), nw.lit(len(probs))
    for j, p in reversed(list(enumerate(columns))):
        is_truth = code == j
        residual = nw.when(is_truth).then(p - 1.0).otherwise(p)
        brier = brier + residual * residual
        given = nw.when(is_truth).then(p).otherwise(given)
        winner = nw.when(p == top).then(nw.lit(j)).otherwise(winner)  # a tie goes to the first
    right = (winner == code).cast(nw.Float64)
    return {"score": top}, {"y": right, "p": top, "brier": brier, "loss": -_floor(given).log()}


def _bin(score: str, grid: Grid) -> nw.Expr:
    """The bin of a score; see ``Grid.__call__``."""
    p = nw.col(score)
    odds = _floor(p).log() - _floor(1.0 - p).log()
    step = (odds * (grid.logit / 32) + grid.logit / 2).floor().clip(0, grid.logit - 1)
    top = (p * grid.scale).ceil()
    width = top + (p > top / grid.width).cast(nw.Float64) - 1.0
    return (step + width.clip(0, grid.width - 1)).cast(nw.Int64)


def _floor(p: nw.Expr) -> nw.Expr:
    return p.clip(EPS, None)
