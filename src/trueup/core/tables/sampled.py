"""Rows of a table as evidence: all of them, or a sample where there are very many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trueup.core.evidence import Evidence, Grouping
from trueup.core.groups import hash_groups
from trueup.core.predictions import Prediction
from trueup.core.probabilities import Probabilities
from trueup.core.rows import Rows
from trueup.core.tables.kernel import kept, kept_one_in
from trueup.core.tables.names import quoted
from trueup.core.tables.plan import Plan
from trueup.core.tables.scan import select_rows
from trueup.core.tables.source import Table


def sampled(
    table: Table, plan: Plan, *, by: Sequence[str] = (), features: Sequence[str] = ()
) -> tuple[Evidence, int]:
    """The rows of ``table`` that take part, and that one in so many was taken.

    Which ones is told by the number of the row alone: the same rows on any machine.

    Parameters
    ----------
    by, features
        Columns that are read beside the prediction.
    """
    every, parts = kept_one_in(plan), []
    more = {f"b{j}": _key(table, name) for j, name in enumerate(by)}
    more |= {f"f{j}": f"{quoted(name)}::DOUBLE" for j, name in enumerate(features)}
    for relation, number, first, last, before in table.batches():
        arrays = table.arrays(select_rows(plan, relation, number, first, last, more))
        row = np.asarray(arrays["row_"]) if "row_" in arrays else np.arange(first, last)
        row = row if plan.key else row + before
        arrays["g"], arrays["row"] = _groups(plan, arrays, row), row
        keep = kept(row, every)
        parts.append({name: column[keep] for name, column in arrays.items()})
    joined = {name: np.ma.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _evidence(plan, joined, tuple(by), len(features)), every


def _key(table: Table, name: str) -> str:
    """Numbers as numbers, since a ratio is one; all else as the text that groups are known by."""
    numeric = table.kind(name) in ("number", "integer")
    return quoted(name) if numeric else f"{quoted(name)}::VARCHAR"


def _groups(plan: Plan, arrays: dict[str, np.ndarray], row: np.ndarray) -> np.ndarray:
    """Group (n,) of every row, as in the pass of an audit."""
    if "g" in arrays:
        return np.asarray(arrays["g"]).astype(np.int64)
    if plan.clock is not None:
        return np.asarray(plan.clock.block[arrays["t"]])
    return hash_groups(row)


def _evidence(plan: Plan, rows: dict[str, np.ndarray], by: tuple[str, ...], wide: int) -> Evidence:
    features = [np.ma.filled(rows[f"f{j}"].astype(float), np.nan) for j in range(wide)]
    return Evidence(
        _prediction(plan, rows),
        np.asarray(rows["y"]).astype(float if plan.roles.form else np.int64),
        weight=np.asarray(rows["w"]) if "w" in rows else None,
        by={name: _names(rows[f"b{j}"]) for j, name in enumerate(by)},
        features=np.column_stack(features) if features else None,
        grouped=Grouping(np.asarray(rows["g"]), plan.groups, plan.grouping),
        rows=Rows.of([], keys=np.asarray(rows["row"])),
    )


def _prediction(plan: Plan, rows: dict[str, np.ndarray]) -> Prediction:
    said = [np.asarray(rows[f"p{j}"], dtype=np.float64) for j in range(len(plan.roles.said))]
    if plan.roles.form:
        return plan.roles.form.prediction(np.column_stack(said))
    if plan.roles.event:
        return Probabilities(said[0], classes=plan.profile.classes)
    probs = np.column_stack(said)
    if plan.profile.normalize:
        probs /= probs.sum(axis=1, keepdims=True)
    return Probabilities(probs, classes=plan.profile.classes)


def _names(column: np.ndarray) -> np.ndarray:
    """A column with None where nothing stands."""
    missing = np.ma.getmaskarray(column)
    values = np.asarray(np.ma.getdata(column))
    if not missing.any():
        return values
    values = values.astype(object)
    values[missing] = None
    return values
