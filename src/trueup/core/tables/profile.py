"""A first look at a table: what is in its columns, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.tables.roles import Roles
from trueup.core.tables.source import Table, literal, quoted
from trueup.core.validate import SUM_TOLERANCE


LEAST_ROWS = 30
SMALL = 200
YES = ("1", "true", "yes", "y", "t", "positive", "pos")
NO = ("0", "false", "no", "n", "f", "negative", "neg")


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


@dataclass(frozen=True)
class Profile:
    """What the columns of a table hold.

    Attributes
    ----------
    rows
        Rows that take part: with a known truth, and with sound probabilities.
    classes
        Names of the classes, in the order of the probability columns; for an event the two labels
        of the truth, the event last.
    truth_sql
        SQL expression of the code of the truth.
    keep_sql
        SQL condition of the rows that take part.
    normalize
        Whether rows of probabilities are divided by their sum.
    checks
        Health of the data.
    """

    rows: int
    classes: tuple[str, ...]
    truth_sql: str
    keep_sql: str
    normalize: bool = False
    checks: list[Check] = field(default_factory=list)


@dataclass(frozen=True)
class Leniency:
    """What to do about bad rows instead of refusing them.

    Attributes
    ----------
    normalize
        Divide rows of probabilities by their sum.
    drop_bad
        Leave out rows whose probabilities are missing, not finite or out of range.
    positive
        The label that is the event; empty means 1, true or yes.
    classes
        Names of the classes in the order of the probability columns.
    """

    normalize: bool = False
    drop_bad: bool = False
    positive: str = ""
    classes: tuple[str, ...] = ()


def profile(table: Table, roles: Roles, leniency: Leniency | None = None) -> Profile:
    """Look at the columns once and refuse what would make every number meaningless.

    Raises
    ------
    EvidenceError
        Text where numbers belong, probabilities that are missing, not finite, outside [0, 1] or do
        not sum to one, labels outside the classes, one class only, fewer than 30 rows.
    """
    leniency = leniency or Leniency()
    for column in (*roles.probs, *filter(None, [roles.weight])):
        _numbers_only(table, column)
    labels = table_values(table, roles.truth, limit=2 + 20 * max(len(roles.probs), 10))
    classes, truth_sql = _labels(table, roles, labels, leniency)
    known = f"{quoted(roles.truth)} IS NOT NULL"
    if table.kind(roles.truth) == "number":
        known += f" AND NOT isnan({quoted(roles.truth)})"
    sound = _sound(table, roles, leniency)
    keep = known if leniency.drop_bad is False else f"{known} AND {' AND '.join(sound.values())}"
    checks = _bad_rows(table, roles, known, sound, leniency)
    rows = int(table.query(f"SELECT count(*) FROM ({table.relation}) WHERE {keep}")[0][0])
    checks += _counts(table, roles, rows, known)
    keep = "true" if rows == table.rows else keep
    return Profile(rows, classes, truth_sql, keep, leniency.normalize, checks)


def table_values(table: Table, column: str, *, limit: int) -> list[tuple[Any, int]]:
    """Distinct values and their counts, most frequent first, at most ``limit``; nulls left out."""
    name = quoted(column)
    return table.query(
        f"SELECT {name}, count(*) AS n FROM ({table.relation}) WHERE {name} IS NOT NULL "
        f"GROUP BY 1 ORDER BY n DESC, 1 LIMIT {limit}"
    )


def _numbers_only(table: Table, column: str) -> None:
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


def _labels(table: Table, roles: Roles, labels: list, leniency: Leniency):
    """Class names and the SQL of the truth's code."""
    names = [str(_plain(value)) for value, _ in labels if value == value]
    if roles.event:
        return _event_labels(table, roles, names, leniency)
    k, truth = len(roles.probs), quoted(roles.truth)
    if table.kind(roles.truth) in ("integer", "number", "flag") and not leniency.classes:
        strange = [n for n in names if not _is_code(n, k)]
        if strange:
            raise _strange(roles, strange, [str(j) for j in range(k)])
        return tuple(map(str, range(k))), f"{truth}::USMALLINT"
    classes = leniency.classes or _classes_from(roles, names)
    strange = sorted(set(names) - set(classes))
    if strange or len(classes) != k:
        raise _strange(roles, strange, list(classes))
    cases = " ".join(f"WHEN {literal(name)} THEN {j}" for j, name in enumerate(classes))
    return tuple(classes), f"(CASE {truth}::VARCHAR {cases} END)::USMALLINT"


def _event_labels(table: Table, roles: Roles, names: list[str], leniency: Leniency):
    if len(names) > 2:
        raise EvidenceError(
            "trueup",
            f"truth {roles.truth!r} has more than two labels: {names[:5]}",
            do="Use --probs with one column a class",
        )
    event = leniency.positive or next((n for n in names if n.lower() in YES), "")
    if not event and len(names) == 1 and names[0].lower() in NO:
        event = "1"
    if (leniency.positive and leniency.positive not in names) or not event:
        raise EvidenceError(
            "trueup",
            f"which label of {roles.truth!r} is the event? It holds {names}",
            do="Say --positive LABEL",
        )
    other = next((n for n in names if n != event), "not " + event)
    kind = table.kind(roles.truth)
    if kind in ("integer", "number", "flag"):
        value = event if kind != "flag" else str(event.lower() in YES)
        return (other, event), f"({quoted(roles.truth)} = {value})"
    return (other, event), f"({quoted(roles.truth)}::VARCHAR = {literal(event)})"


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_code(name: str, k: int) -> bool:
    if name in ("True", "False"):
        return k == 2
    return name.isdigit() and int(name) < k


def _classes_from(roles: Roles, names: list[str]) -> tuple[str, ...]:
    """Class of every probability column: the label that its name ends in."""
    found = []
    for column in roles.probs:
        match = [n for n in names if column == n or column.endswith(("_" + n, "-" + n, "." + n))]
        found.append(max(match, key=len) if match else "")
    missing = [c for c, name in zip(roles.probs, found, strict=True) if not name]
    rest = sorted(set(names) - set(found))
    if len(missing) == 1 and len(rest) <= 1:  # one class may never have happened
        found[found.index("")] = rest[0] if rest else missing[0]
    if "" in found or len(set(found)) != len(found):
        raise EvidenceError(
            "trueup",
            f"which class does each of {list(roles.probs)[:8]} stand for? Labels are {names[:8]}",
            do="Say --classes A,B,C in the order of the columns",
        )
    return tuple(found)


def _strange(roles: Roles, strange: list[str], classes: list[str]) -> EvidenceError:
    return EvidenceError(
        "trueup",
        f"labels {strange[:5]} of {roles.truth!r} are none of the {len(roles.probs)} classes "
        f"{classes[:8]}",
        do="Mend the labels, or say --classes A,B,C in the order of the columns",
    )


def _sound(table: Table, roles: Roles, leniency: Leniency) -> dict[str, str]:
    """Reason -> SQL condition that holds for a sound row."""
    columns = [quoted(name) for name in roles.probs]
    floats = [quoted(n) for n in roles.probs if table.kind(n) == "number"]
    conditions = {"missing": " AND ".join(f"{c} IS NOT NULL" for c in columns)}
    if floats:
        conditions["NaN or infinite"] = " AND ".join(f"isfinite({c})" for c in floats)
    top = "" if leniency.normalize and not roles.event else "{c} <= 1 AND "
    inside = [f"({top.format(c=c)}{c} >= 0)" for c in columns]
    conditions["outside [0, 1]"] = " AND ".join(inside)
    total = " + ".join(f"{c}::DOUBLE" for c in columns)
    if not roles.event and leniency.normalize:
        conditions["all zero"] = f"({total}) > 0"
    elif not roles.event:
        conditions["not summing to one"] = f"abs({total} - 1.0) <= {SUM_TOLERANCE}"
    if roles.weight:
        name = quoted(roles.weight)
        conditions["of a missing or negative weight"] = f"({name} IS NOT NULL AND {name} >= 0)"
    return {reason: f"coalesce({sql}, false)" for reason, sql in conditions.items()}


def _bad_rows(table, roles: Roles, known: str, sound: dict, leniency: Leniency) -> list[Check]:
    tests = ", ".join(f"count(*) FILTER (WHERE NOT {sql})" for sql in sound.values())
    counts = table.query(f"SELECT {tests} FROM ({table.relation}) WHERE {known}")[0]
    bad = [(reason, int(n)) for reason, n in zip(sound, counts, strict=True) if n]
    if not bad:
        return [Check("data_probabilities", "ok", "Every probability is present and possible.")]
    if leniency.drop_bad:
        return [
            Check(_id(reason), "medium", f"{n:,} rows were left out: {reason}.", n)
            for reason, n in bad
        ]
    reason, n = bad[0]
    raise EvidenceError(
        "trueup",
        f"{n:,} rows of {list(roles.probs)[:4]} are {reason}{_where(table, known, sound[reason])}",
        do=(
            "Say --normalize to divide by the sum, or --drop-bad to leave these rows out"
            if reason == "not summing to one"
            else "Mend them, or say --drop-bad to leave these rows out"
        ),
    )


def _where(table: Table, known: str, sound: str) -> str:
    """The numbers of the first bad rows."""
    found: list[int] = []
    before = 0
    for relation, number, rows in table.pieces:
        sql = f"SELECT {number} FROM {relation} WHERE {known} AND NOT {sound} ORDER BY 1 LIMIT 5"
        found += [before + row[0] for row in table.query(sql)]
        before += rows
    return f"; the first are rows {found[:5]} (counted from 0)"


def _id(reason: str) -> str:
    words = {
        "missing": "data_nulls",
        "NaN or infinite": "data_not_finite",
        "outside [0, 1]": "data_out_of_range",
        "not summing to one": "data_sum",
        "all zero": "data_sum",
    }
    return words.get(reason, "data_weight")


def _counts(table: Table, roles: Roles, rows: int, known: str) -> list[Check]:
    if rows < LEAST_ROWS:
        raise EvidenceError(
            "trueup",
            f"{table.name} has {rows} rows to judge by",
            why=f"with fewer than {LEAST_ROWS} every number is chance",
            do="Collect more rows",
        )
    checks = []
    unlabelled = table.rows - int(
        table.query(f"SELECT count(*) FROM ({table.relation}) WHERE {known}")[0][0]
    )
    if unlabelled:
        share = unlabelled / table.rows
        text = f"{unlabelled:,} rows ({share:.1%}) have no truth yet and were left out."
        checks.append(Check("data_nulls", "medium" if share > 0.05 else "low", text, unlabelled))
    if rows < SMALL:
        text = f"Only {rows} rows: intervals are wide, and small faults cannot be seen."
        checks.append(Check("data_few_rows", "medium", text, rows))
    if roles.key:
        checks += _duplicates(table, roles)
    return checks


def _duplicates(table: Table, roles: Roles) -> list[Check]:
    keys = [quoted(name) for name in (roles.key, roles.model) if name]
    sql = (
        f"SELECT count(*) - count(DISTINCT ({', '.join(keys)})) FROM ({table.relation}) "
        f"WHERE {keys[0]} IS NOT NULL"
    )
    n = int(table.query(sql)[0][0])
    if not n:
        return [Check("data_duplicates", "ok", f"Every {roles.key} occurs once.")]
    text = f"{n:,} rows repeat a {roles.key} seen before: counted twice, they look like evidence."
    return [Check("data_duplicates", "high", text, n)]


def one_class(counts: np.ndarray, classes: tuple[str, ...], truth: str) -> None:
    """Refuse a table where only one outcome happened."""
    seen = np.flatnonzero(counts)
    if len(seen) < 2:
        only = classes[seen[0]] if len(seen) else "nothing"
        raise EvidenceError(
            "trueup",
            f"every row of {truth!r} is {only!r}",
            why="nothing can be said about what never happened",
            do="Pass rows where more than one outcome happened",
        )
