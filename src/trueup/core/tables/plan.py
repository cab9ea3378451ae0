"""What to sum in the pass over a table: groups, slices, pairs, chunks of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch
from itertools import combinations, pairwise
from typing import Any

from trueup.core.groups import BLOCKS, GROUPS, sql_group, sql_key
from trueup.core.row_score import AbstractRowSums
from trueup.core.tables.clock import Clock, clock_of
from trueup.core.tables.labels import table_values
from trueup.core.tables.names import literal, quoted
from trueup.core.tables.profile import Profile
from trueup.core.tables.roles import Roles
from trueup.core.tables.source import Table


VALUES = 200
"""Values of a column that are examined; the rest are listed as left out, never merged."""

PAIRS = 2000
"""Cells of a pair of columns that are examined."""

LEVELS = 5
"""Bins of a numeric column with more than 20 values."""

LARGE = 2_000_000
"""Rows from which quantiles are read off a sample."""

MISSING = "(missing)"


@dataclass(frozen=True)
class Slicer:
    """How a column is cut into slices.

    Attributes
    ----------
    column
        Its name.
    labels
        Name of every slice.
    code
        Expression of the slice's number, ``len(labels)`` for values that are not examined: in SQL,
        or in Narwhals where the table lives elsewhere.
    left_out
        What is not examined, in words; empty where all is.
    values
        Values of the first slices, as text; empty where slices are ranges or times.
    """

    column: str
    labels: list[str]
    code: Any
    left_out: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything that the pass needs to know, with expressions in SQL or in Narwhals.

    Attributes
    ----------
    group, grouping
        Expression of the group, empty for blocks of time and for row numbers; and what a group is.
    slicers, pairs, clock
        How rows are cut.
    where
        The rows that take part.
    only
        The rows of one model, where a row is known by its place among them: so are the rows of two
        models paired that carry neither key nor cluster nor time.
    key
        Expression of the number of the row's key, where it has one.
    known_by
        What a row is known by, in words.
    scores
        Measures of forecasts of numbers whose columns are to be summed as well.
    """

    roles: Roles
    profile: Profile
    group: Any
    grouping: str
    slicers: list[Slicer] = field(default_factory=list)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    clock: Clock | None = None
    where: Any = "true"
    only: Any = ""
    key: Any = ""
    known_by: str = "the row"
    scores: tuple[AbstractRowSums, ...] = ()

    @property
    def groups(self) -> int:
        """Upper bound of the group numbers."""
        return BLOCKS if self.grouping == "block" else GROUPS

    @property
    def k(self) -> int:
        """Number of classes; 2 for an event."""
        return max(len(self.roles.probs), 2)


@singledispatch
def make_plan(table: Table, roles: Roles, profile: Profile, *, model: str = "") -> Plan:
    """Decide what to sum; looks at the values of the slice columns and at the range of time."""
    where, only = profile.keep, ""
    if roles.model:
        only = f"{quoted(roles.model)}::VARCHAR = {literal(model)}"
        where = only if where == "true" else f"{where} AND {only}"
    slicers = [slicer(table, column) for column in roles.by]
    # One clock for all models: their blocks must be the same to be compared.
    clock = clock_of(table, roles.time, profile.keep, profile.rows) if roles.time else None
    grouped_by = roles.cluster or ("" if roles.time else roles.key)
    group = sql_group(_number(table, grouped_by)) if grouped_by else ""
    only = "" if group or clock else only
    key = _number(table, roles.key) if roles.key else ""
    return Plan(
        roles, profile, group, grouping(roles), slicers, pairs_of(slicers), clock, where, only, key
    )


def grouping(roles: Roles) -> str:
    """What a group is: ``"cluster"``, ``"block"`` or ``"row"``."""
    return "cluster" if roles.cluster else "block" if roles.time else "row"


def pairs_of(slicers: list[Slicer]) -> list[tuple[int, int]]:
    """Pairs of columns that have few enough cells to be examined."""
    return [
        (i, j)
        for i, j in combinations(range(len(slicers)), 2)
        if len(slicers[i].labels) * len(slicers[j].labels) <= PAIRS
    ]


def _number(table: Table, column: str) -> str:
    """SQL of the number of a key."""
    kind = table.kind(column)
    text = kind not in ("integer", "flag")
    name = quoted(column) if kind == "integer" else f"{quoted(column)}::VARCHAR"
    name = f"{quoted(column)}::BIGINT" if kind == "flag" else name
    empty = "''" if text else "0"
    return sql_key(f"coalesce({name}, {empty})", text=text)


def slicer(table: Table, column: str) -> Slicer:
    """Cut a column into its values, or a column of many numbers into five bins of equal mass."""
    floating = table.kind(column) == "number"
    found = table_values(table, column, limit=VALUES + 1)
    values = [value for value, _ in found if not (floating and value == "nan")]
    if table.kind(column) in ("number", "integer") and len(values) > 20:
        return _numeric(table, column)
    kept, name = values[:VALUES], _value(table, column)
    nulls = table.query(f"SELECT count(*) FROM ({table.relation}) WHERE {name} IS NULL")[0][0]
    index = f"by_{list(table.columns).index(column)}"
    listed = ", ".join(map(literal, kept)) or "''"
    table.connection.execute(f"CREATE OR REPLACE TYPE {index} AS ENUM ({listed})")
    missing = MISSING if MISSING not in kept else f"({MISSING})"
    labels = kept + [missing] * bool(nulls)
    code = f"enum_code(try_cast({name}::VARCHAR AS {index}))"
    other = f"if({name} IS NULL, {len(kept)}, {len(labels)})" if nulls else str(len(labels))
    sql = f"coalesce({code}, {other})::UTINYINT"
    total = len(values)
    if total > VALUES:
        total = table.query(f"SELECT count(DISTINCT {name}) FROM ({table.relation})")[0][0]
    named = () if table.kind(column) == "time" else tuple(kept)
    return Slicer(column, labels, sql, left_out(column, total), named)


def left_out(column: str, total: int) -> str:
    """What is said of the values of a column that are too many."""
    if total <= VALUES:
        return ""
    return (
        f"{column}: {total:,} values; the {VALUES} with most rows were examined, "
        f"{total - VALUES:,} were not"
    )


def _value(table: Table, column: str) -> str:
    """SQL of the value of a slice column, where NaN is missing as well."""
    name = quoted(column)
    floating = table.columns[column] in ("FLOAT", "DOUBLE")
    return f"if(isnan({name}), NULL, {name})" if floating else name


def _numeric(table: Table, column: str) -> Slicer:
    """Bins between quantiles; from one row in 128 where the table is large."""
    name = _value(table, column)
    found = _quantiles(table, name)
    edges = sorted({float(edge) for edge in found[1:-1]} - {float(found[-1])})
    labels = range_labels(edges)
    above = " + ".join(f"({name} > '{edge!r}'::DOUBLE)::INTEGER" for edge in edges)
    above = above or f"if({name} IS NULL, NULL, 0)"
    return Slicer(column, labels, f"coalesce({above}, {len(labels) - 1})::UTINYINT")


def range_labels(edges: list[float]) -> list[str]:
    """Names of the ranges between ``edges``, and of what is missing."""
    shown = _shown(edges)
    labels = [f"<= {shown[0]}"] if shown else ["all"]
    labels += [f"{a} to {b}" for a, b in pairwise(shown)]
    return labels + [f"> {shown[-1]}"] * bool(shown) + [MISSING]


def _quantiles(table: Table, name: str) -> list:
    shares = [round(j / LEVELS, 6) for j in range(LEVELS + 1)]

    def found(condition: str) -> list | None:
        parts = [
            f"SELECT {name} AS v FROM {relation} WHERE {condition.format(row=row)}"
            for relation, row, _ in table.pieces
        ]
        sql = f"SELECT quantile_disc(v, {shares}) FROM ({' UNION ALL '.join(parts)})"
        return table.query(sql)[0][0]

    # Chosen by its row, never by its value: else few values would be all or nothing.
    few = found("hash({row}) % 128 = 0") if table.rows > LARGE else None
    return few or found("true") or []


def _shown(edges: list[float]) -> list[str]:
    """Edges as text, with as many digits as tell them apart."""
    if all(edge.is_integer() and abs(edge) < 1e15 for edge in edges):
        return [str(int(edge)) for edge in edges]
    for digits in (6, 9, 12):
        shown = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(shown)) == len(edges):
            return shown
    return list(map(repr, edges))
