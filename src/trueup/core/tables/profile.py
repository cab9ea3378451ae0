"""A first look at a table: what is in its columns, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

from trueup.core.errors import EvidenceError
from trueup.core.tables.checks import (
    WEIGHT,
    Check,
    absent_id,
    counted,
    first_rows,
    in_order,
    numbers_only,
    of_roles,
    weighed,
)
from trueup.core.tables.labels import read_labels, table_values
from trueup.core.tables.names import quoted
from trueup.core.tables.roles import Leniency, Roles
from trueup.core.tables.source import Table
from trueup.core.validate import SUM_TOLERANCE


OUTSIDE = "outside [0, 1]"


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
    code
        Expression of the code of the truth, in SQL or in Narwhals.
    keep
        Condition of the rows that take part.
    normalize
        Whether rows of probabilities are divided by their sum.
    checks
        Health of the data.
    """

    rows: int
    classes: tuple[str, ...]
    code: Any
    keep: Any
    normalize: bool = False
    checks: list[Check] = field(default_factory=list)


@singledispatch
def profile(table: Table, roles: Roles, leniency: Leniency | None = None) -> Profile:
    """Look at the columns once and refuse what would make every number meaningless.

    Raises
    ------
    EvidenceError
        Text where numbers belong, probabilities that are missing, not finite, outside [0, 1] or do
        not sum to one, labels outside the classes, one class only, fewer than 30 rows.
    """
    leniency = leniency or Leniency()
    if roles.form:
        from trueup.core.tables.number_profile import number_profile

        return number_profile(table, roles, leniency)
    for column in (*roles.probs, *filter(None, [roles.weight])):
        numbers_only(table, column)
    in_order(table, roles.time)
    labels = table_values(table, roles.truth, limit=2 + 20 * max(len(roles.probs), 10))
    classes, truth_sql = read_labels(table, roles, labels, leniency)
    known = f"{quoted(roles.truth)} IS NOT NULL"
    if table.kind(roles.truth) == "number":
        known += f" AND NOT isnan({quoted(roles.truth)})"
    sound = _sound(table, roles, leniency)
    keep = known if leniency.drop_bad is False else f"{known} AND {' AND '.join(sound.values())}"
    checks = _bad_rows(table, roles, known, sound, leniency)
    rows = int(table.query(f"SELECT count(*) FROM ({table.relation}) WHERE {keep}")[0][0])
    checks += counted(table, roles, weighed(table, roles, keep, rows), known)
    keep = "true" if rows == table.rows else keep
    return Profile(rows, classes, truth_sql, keep, leniency.normalize, checks)


def _sound(table: Table, roles: Roles, leniency: Leniency) -> dict[str, str]:
    """Reason -> SQL condition that holds for a sound row."""
    columns = [quoted(name) for name in roles.probs]
    floats = [quoted(n) for n in roles.probs if table.kind(n) == "number"]
    conditions = {"missing": " AND ".join(f"{c} IS NOT NULL" for c in columns)}
    if floats:
        conditions["NaN or infinite"] = " AND ".join(f"isfinite({c})" for c in floats)
    top = "" if leniency.normalize and not roles.event else "{c} <= 1 AND "
    inside = [f"({top.format(c=c)}{c} >= 0)" for c in columns]
    conditions[OUTSIDE] = " AND ".join(inside)
    total = " + ".join(f"{c}::DOUBLE" for c in columns)
    if not roles.event and leniency.normalize:
        conditions["all zero"] = f"({total}) > 0"
    elif not roles.event:
        conditions["not summing to one"] = f"abs({total} - 1.0) <= {SUM_TOLERANCE}"
    conditions |= of_roles(table, roles)
    return {reason: f"coalesce({sql}, false)" for reason, sql in conditions.items()}


def _bad_rows(table, roles: Roles, known: str, sound: dict, leniency: Leniency) -> list[Check]:
    tests = ", ".join(f"count(*) FILTER (WHERE NOT {sql})" for sql in sound.values())
    counts = table.query(f"SELECT {tests} FROM ({table.relation}) WHERE {known}")[0]
    bad = dict(zip(sound, map(int, counts), strict=True))

    def where(reason: str) -> str:
        looks = _looks(table, roles, known) if reason == OUTSIDE else ""
        return first_rows(table, known, sound[reason]) + looks

    return soundness(roles, bad, leniency, where)


def _looks(table: Table, roles: Roles, known: str) -> str:
    """What numbers that are no probabilities are likely to be, where most of them are none."""
    columns = [f"{quoted(c)}::DOUBLE" for c in roles.probs]
    outside = " OR ".join(f"NOT ({c} BETWEEN 0 AND 1)" for c in columns)
    least, most = (f"{f}({', '.join(columns)}, {columns[0]})" for f in ("least", "greatest"))
    sql = f"SELECT avg(({outside})::INT), min({least}), max({most}) FROM ({table.relation})"
    share, low, high = table.query(f"{sql} WHERE {known}")[0]
    if share <= 0.5:
        return ""
    if low < 0:
        turned = "1 / (1 + exp(-x))" if roles.event else "softmax"
        return f"; these look like logits, which {turned} turns into probabilities"
    return "; these look like percent: divide them by 100" if high <= 100 else ""


def soundness(
    roles: Roles, counts: dict[str, int], leniency: Leniency, where: Callable[[str], str]
) -> list[Check]:
    """Refuse or report rows that are not sound: ``counts`` by reason, and words of ``where``."""
    bad = [(reason, n) for reason, n in counts.items() if n]
    if not bad:
        return [Check("data_probabilities", "ok", "Every probability is present and possible.")]
    if leniency.drop_bad:
        return [
            Check(_id(reason), "medium", f"{n:,} rows were left out: {reason}.", n)
            for reason, n in bad
        ]
    reason, n = bad[0]
    of = f" of {list(roles.probs)[:4]}" if reason != WEIGHT and "without" not in reason else ""
    raise EvidenceError(
        "trueup",
        f"{n:,} rows{of} are {reason}{where(reason)}",
        do=(
            "Say --normalize to divide by the sum, or --drop-bad to leave these rows out"
            if reason == "not summing to one"
            else "Mend them, or say --drop-bad to leave these rows out"
        ),
    )


def _id(reason: str) -> str:
    words = {
        "missing": "data_no_prediction",
        "NaN or infinite": "data_not_finite",
        OUTSIDE: "data_out_of_range",
        "not summing to one": "data_sum",
        "all zero": "data_sum",
        WEIGHT: "data_weight",
    }
    return words.get(reason) or absent_id(reason)
