"""What the labels of the truth stand for: codes of classes, or an event and its absence."""

from __future__ import annotations

import contextlib
from functools import singledispatch
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.tables.names import literal, quoted
from trueup.core.tables.roles import Leniency, Roles
from trueup.core.tables.source import Table


YES = ("1", "true", "yes", "y", "t", "positive", "pos")
NO = ("0", "-1", "false", "no", "n", "f", "negative", "neg")


@singledispatch
def table_values(table: Table, column: str, *, limit: int) -> list[tuple[str, int]]:
    """Distinct values as text, and their counts, the most frequent first; nulls left out.

    Text as the engine writes it: Python writes a float32, a flag or a time another way, and the
    engine compares by its own.
    """
    name = quoted(column)
    return table.query(
        f"SELECT {name}::VARCHAR AS value, count(*) AS n FROM ({table.relation}) "
        f"WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT {limit}"
    )


def read_labels(table: Any, roles: Roles, labels: list, leniency: Leniency):
    """Class names (the event last where there is one), and the SQL of the truth's code.

    ``labels`` are the distinct values of the truth with their counts.
    """
    kind = table.kind(roles.truth)
    known = [v for v, _ in labels if not (kind == "number" and v == "nan")]
    names = list(dict.fromkeys(plain_label(value, kind) for value in known))
    if roles.event:
        return _event_labels(table, roles, names, leniency)
    k, truth = len(roles.probs), quoted(roles.truth)
    numeric = kind in ("integer", "number", "flag")
    classes = leniency.classes or (_ends(roles, names) if numeric else ())
    if numeric and not classes:
        strange = [n for n in names if not _is_code(n, k)]
        if strange:
            raise _strange(roles, strange, [str(j) for j in range(k)])
        return tuple(map(str, range(k))), f"{truth}::USMALLINT"
    classes = classes or _classes_from(roles, names)
    strange = sorted(set(names) - set(classes))
    if strange or len(classes) != k:
        raise _strange(roles, strange, list(classes))
    text = f"{truth}::DOUBLE" if kind in ("integer", "number") else truth
    cases = [f"WHEN {literal(_text(name, kind))} THEN {j}" for j, name in enumerate(classes)]
    return tuple(classes), f"(CASE {text}::VARCHAR {' '.join(cases)} END)::USMALLINT"


def _event_labels(table: Any, roles: Roles, names: list[str], leniency: Leniency):
    if len(names) > 2:
        raise EvidenceError(
            "trueup",
            f"truth {roles.truth!r} has more than two labels: {names[:5]}",
            do="Use --probs with one column a class",
        )
    event = leniency.positive or _usual(names)
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


def _usual(names: list[str]) -> str:
    """The event, where the labels are usual words for yes and no; else empty: 1 and 2 are not."""
    yes = [name for name in names if name.lower() in YES]
    no = [name for name in names if name.lower() in NO]
    if len(yes) > 1 or len(yes) + len(no) < len(names):
        return ""
    return yes[0] if yes else "1"


def plain_label(value: str, kind: str) -> str:
    """A label as people write it: ``1`` for 1.0 and 1.00, ``True`` for true."""
    if kind == "flag":
        return value.capitalize()
    number = float(value) if kind == "number" else 0.5
    return str(int(number)) if number.is_integer() else value


def _text(name: str, kind: str) -> str:
    """A label as the engine writes it."""
    if kind == "flag":
        return name.lower()
    with contextlib.suppress(ValueError):
        return str(float(name)) if kind in ("integer", "number") else name
    return name


def _ends(roles: Roles, names: list[str]) -> tuple[str, ...]:
    """Numbers that the columns end in, where the labels are among them: p_3 is of class 3."""
    ends = [column[len(column.rstrip("0123456789")) :] for column in roles.probs]
    found = tuple(str(int(end)) if end else "" for end in ends)
    sure = "" not in found and len(set(found)) == len(found) and set(names) <= set(found)
    return found if sure else ()


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
