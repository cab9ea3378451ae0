"""What the labels of the truth stand for: codes of classes, or an event and its absence."""

from __future__ import annotations

from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.tables.roles import Leniency, Roles
from trueup.core.tables.source import Table, literal, quoted


YES = ("1", "true", "yes", "y", "t", "positive", "pos")
NO = ("0", "false", "no", "n", "f", "negative", "neg")


def read_labels(table: Table, roles: Roles, labels: list, leniency: Leniency):
    """Class names (the event last where there is one), and the SQL of the truth's code.

    ``labels`` are the distinct values of the truth with their counts.
    """
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
