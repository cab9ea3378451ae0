"""Looks at the health of a table that every kind of prediction shares."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.errors import EvidenceError
from trueup.core.tables.names import quoted
from trueup.core.tables.roles import Roles
from trueup.core.tables.source import Table


LEAST_ROWS = 30
SMALL = 200
KEYS = 4_000_000
"""Keys that are held in memory at once to see whether one comes twice."""
WEIGHT = "of a missing, negative or infinite weight"


@dataclass(frozen=True)
class Check:
    """One look at the health of the data.

    Attributes
    ----------
    id
        Stable name.
    severity
        ``"ok"``, ``"low"``, ``"medium"`` or ``"high"``.
    sentence
        What was found, in plain words.
    count
        Rows concerned.
    """

    id: str
    severity: str
    sentence: str
    count: int = 0


def numbers_only(table: Table, column: str) -> None:
    """Refuse a column of text where numbers belong."""
    if table.kind(column) in ("number", "integer"):
        return
    name = quoted(column)
    bad = table.query(
        f"SELECT {name}::VARCHAR FROM ({table.relation}) "
        f"WHERE {name} IS NOT NULL AND try_cast({name}::VARCHAR AS DOUBLE) IS NULL LIMIT 1"
    )
    shown = f", such as {bad[0][0]!r}" if bad else ""
    raise EvidenceError(
        "trueup",
        f"column {column!r} must hold numbers; it holds {table.columns[column]}{shown}",
        do="Mend the column, or name another one",
    )


def in_order(table: Table, column: str) -> None:
    """Refuse a time that is neither a date nor a number."""
    if column and (
        table.kind(column) not in ("time", "number", "integer")
        or table.columns[column].startswith("TIME") > table.columns[column].startswith("TIMESTAMP")
    ):
        raise EvidenceError(
            "trueup",
            f"time {column!r} holds {table.columns[column]}",
            do="Pass a column of dates or of numbers",
        )


def of_roles(table: Table, roles: Roles) -> dict[str, str]:
    """Reason -> SQL of what must hold of the columns beside the prediction."""
    conditions = {}
    if roles.weight:
        name = quoted(roles.weight)
        # NaN is above every number to the engine.
        conditions[WEIGHT] = f"({name} >= 0 AND isfinite({name}::DOUBLE))"
    for role in filter(lambda role: getattr(roles, role), ("time", "cluster", "key", "model")):
        conditions[f"without a {role}"] = present(table, getattr(roles, role))
    return conditions


def absent_id(reason: str) -> str:
    """Stable name of rows without a role, whose reason ``of_roles`` gave: ``data_no_time``.

    Rows without a truth are ``data_nulls``, those without a prediction ``data_no_prediction``.
    """
    return "data_no_" + reason.rsplit(" ", 1)[-1]


def present(table: Table, column: str) -> str:
    """SQL of a role that is there."""
    name, declared = quoted(column), table.columns[column]
    timely = declared == "DATE" or declared.startswith("TIMESTAMP")
    finite = f" AND isfinite({name})" if timely or declared in ("FLOAT", "DOUBLE") else ""
    return f"{name} IS NOT NULL{finite}"


def first_rows(table: Table, known: str, sound: str) -> str:
    """The numbers of the first bad rows."""
    found: list[int] = []
    before = 0
    for relation, number, rows in table.pieces:
        sql = f"SELECT {number} FROM {relation} WHERE {known} AND NOT {sound} ORDER BY 1 LIMIT 5"
        found += [before + row[0] for row in table.query(sql)]
        before += rows
    return f"; the first are rows {found[:5]} (counted from 0)"


def weighed(table: Table, roles: Roles, keep: str, rows: int) -> int:
    """Rows that count: a weight of 0 takes a row out."""
    if not roles.weight:
        return rows
    some = f"{keep} AND {quoted(roles.weight)} > 0"
    return int(table.query(f"SELECT count(*) FROM ({table.relation}) WHERE {some}")[0][0])


def counted(table: Table, roles: Roles, rows: int, known: str) -> list[Check]:
    """What is said of how many rows there are, and of keys that come twice."""
    sql = f"SELECT count(*) FROM ({table.relation}) WHERE {known}"
    checks = enough(table.name, table.rows, rows, table.rows - int(table.query(sql)[0][0]))
    return [*checks, repeated(roles.key, _duplicates(table, roles))] if roles.key else checks


def enough(name: str, all_rows: int, rows: int, unlabelled: int) -> list[Check]:
    """Refuse too few ``rows`` to judge by; say how many have no truth, and that few are few."""
    if rows < LEAST_ROWS:
        raise EvidenceError(
            "trueup",
            f"{name} has {rows} rows to judge by",
            why=f"with fewer than {LEAST_ROWS} every number is chance",
            do="Collect more rows",
        )
    checks = []
    if unlabelled:
        share = unlabelled / all_rows
        text = f"{unlabelled:,} rows ({share:.1%}) have no truth yet and were left out."
        checks.append(Check("data_nulls", "medium" if share > 0.05 else "low", text, unlabelled))
    if rows < SMALL:
        text = f"Only {rows} rows: intervals are wide, and small faults cannot be seen."
        checks.append(Check("data_few_rows", "medium", text, rows))
    return checks


def _duplicates(table: Table, roles: Roles) -> int:
    """Rows whose key, for this model, has come before."""
    keys = [quoted(name) for name in (roles.key, roles.model) if name]
    # Part by part of the keys: the set of all keys would be larger than all else together.
    parts = -(-table.rows // KEYS)
    key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
    sql = (
        f"SELECT count(*) - count(DISTINCT {key}) FROM ({table.relation}) "
        f"WHERE {keys[0]} IS NOT NULL AND hash({keys[0]}) % {parts} = "
    )
    return sum(int(table.query(sql + str(part))[0][0]) for part in range(parts))


def repeated(key: str, n: int) -> Check:
    """What is said of ``n`` rows that repeat a key."""
    if not n:
        return Check("data_duplicates", "ok", f"Every {key} occurs once.")
    text = f"{n:,} rows repeat a {key} seen before: counted twice, they look like evidence."
    return Check("data_duplicates", "high", text, n)
