"""Corrected columns of a table that NumPy computes, where SQL has no words for the correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from trueup.core.expressions import Key
from trueup.core.tables.names import quoted
from trueup.core.tables.source import Table


if TYPE_CHECKING:
    from trueup.audit.store import StoredRemedy


NUMBERS = 4_000_000
"""Numbers that are held at once."""


def computed(remedy: StoredRemedy, table: Table, types: Mapping[str, str]) -> str:
    """A query of all columns of ``table`` with the corrected ones, which lie in another table.

    ``types`` are the SQL types of corrected columns that are not those of their form.
    """
    declared = {c: types.get(c, remedy.gives.sql_type) for c in remedy.outputs}
    listed = ", ".join(f"{quoted(c)} {kind}" for c, kind in declared.items())
    connection = table.connection
    connection.execute(f"CREATE OR REPLACE TABLE computed ({listed})")
    for made in _batches(remedy, table):
        part = {f"c{j}": column for j, column in enumerate(made.T)}
        connection.register("part", part)
        terms = ", ".join(f"CASE WHEN NOT isnan({c}) THEN {c} END" for c in part)
        connection.execute(f"INSERT INTO computed SELECT {terms} FROM part")
        connection.unregister("part")
    added = [c for c in remedy.outputs if c not in table.columns]
    shown = [f"{'m' if c in declared else 't'}.{quoted(c)}" for c in [*table.columns, *added]]
    joined = f"FROM ({table.relation}) AS t POSITIONAL JOIN computed AS m"
    return f"SELECT {', '.join(shown)} {joined}"


def _batches(remedy: StoredRemedy, table: Table) -> Iterator[np.ndarray]:
    """Corrected columns (n, width), NaN where a row misses a number, in the order of the rows."""
    formula = remedy.formula
    terms = [
        f"CAST({quoted(column)} AS {given.sql_type})"
        for name, given in formula.inputs.items()
        for column in formula.reads(name)
    ]
    size = max(NUMBERS // len(terms), 1)
    cursor = table.connection.cursor()
    cursor.execute(f"SELECT {', '.join(terms)} FROM ({table.relation})")
    while rows := cursor.fetchmany(size):
        wide, given, place = np.array(rows, dtype=object), {}, 0
        for name, node in formula.inputs.items():
            block = wide[:, place : place + node.width]
            given[name] = block if isinstance(node, Key) else block.astype(np.float64)
            place += node.width
        yield formula(given.pop(formula.input), **given)
