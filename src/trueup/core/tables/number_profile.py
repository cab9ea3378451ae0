"""A first look at a table of forecasts of numbers, and what is wrong with its columns."""

from __future__ import annotations

from collections.abc import Callable

from trueup.core.errors import EvidenceError
from trueup.core.tables.checks import (
    LEAST_ROWS,
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
from trueup.core.tables.names import quoted
from trueup.core.tables.profile import Profile
from trueup.core.tables.roles import Leniency, Roles
from trueup.core.tables.source import Table


MISSING, TRUTH = "missing in some column", "of a truth that is infinite"
NOT_FINITE = "NaN or infinite"
NO_SPREAD, TURNED = "of an sd that is not positive", "with low above high"
IDS = {
    MISSING: "data_no_prediction",
    NOT_FINITE: "data_not_finite",
    TRUTH: "data_truth_not_finite",
    NO_SPREAD: "data_spread",
    TURNED: "data_spread",
    WEIGHT: "data_weight",
}


def number_profile(table: Table, roles: Roles, leniency: Leniency) -> Profile:
    """Look at the columns once and refuse what would make every number meaningless.

    Raises
    ------
    EvidenceError
        Text where numbers belong, predictions that are missing or not finite, an sd that is not
        positive, a low end above the high one, fewer than 30 rows.
    """
    beside = filter(None, [roles.weight, roles.against])
    for column in (roles.truth, *roles.values, *beside):
        numbers_only(table, column)
    in_order(table, roles.time)
    truth = quoted(roles.truth)
    known = f"{truth} IS NOT NULL"
    if table.kind(roles.truth) == "number":
        known += f" AND NOT isnan({truth}::DOUBLE)"
    sound = _sound(table, roles)
    keep = known if not leniency.drop_bad else f"{known} AND {' AND '.join(sound.values())}"
    checks = _bad_rows(table, roles, known, sound, leniency)
    rows, alone = _rows(table, roles, keep)
    checks += counted(table, roles, weighed(table, roles, keep, rows), known)
    checks += _comparable(roles, rows, alone)
    keep = "true" if rows == table.rows else keep
    return Profile(rows, (), f"{truth}::DOUBLE", keep, checks=checks)


def _rows(table: Table, roles: Roles, keep: str) -> tuple[int, int]:
    """Rows that take part, and how many of them have no number of the reference."""
    alone = "false"
    if roles.against:
        alone = f"NOT coalesce(isfinite({quoted(roles.against)}::DOUBLE), false)"
    sql = f"SELECT count(*), count(*) FILTER (WHERE {alone}) FROM ({table.relation})"
    rows, n = table.query(f"{sql} WHERE {keep}")[0]
    return int(rows), int(n)


def _comparable(roles: Roles, rows: int, alone: int) -> list[Check]:
    """Refuse a reference with too few numbers; say in how many rows it has none."""
    if not roles.against:
        return []
    if rows - alone < LEAST_ROWS:
        raise EvidenceError(
            "trueup",
            f"against {roles.against!r} has a finite number in {rows - alone:,} of {rows:,} rows",
            why=f"with fewer than {LEAST_ROWS} every comparison is chance",
            do="Fill the column, or leave --against out",
        )
    if not alone:
        return [Check("data_against", "ok", f"Every row has a number in {roles.against}.")]
    text = (
        f"{alone:,} {'row has' if alone == 1 else 'rows have'} no finite number in "
        f"{roles.against} and did not take part in the comparison with it."
    )
    return [Check("data_against", "medium" if alone > 0.05 * rows else "low", text, alone)]


def _sound(table: Table, roles: Roles) -> dict[str, str]:
    """Reason -> SQL condition that holds for a sound row."""
    columns = [quoted(name) for name in roles.values]
    floats = [quoted(n) for n in roles.values if table.kind(n) == "number"]
    conditions = {MISSING: " AND ".join(f"{c} IS NOT NULL" for c in columns)}
    if floats:
        conditions[NOT_FINITE] = " AND ".join(f"isfinite({c}::DOUBLE)" for c in floats)
    conditions[TRUTH] = f"isfinite({quoted(roles.truth)}::DOUBLE)"
    kind = roles.form.kind if roles.form else ""
    if kind == "normal":
        conditions[NO_SPREAD] = f"{columns[1]} > 0"
    if kind == "intervals":
        conditions[TURNED] = f"{columns[0]} <= {columns[1]}"
    conditions |= of_roles(table, roles)
    return {reason: f"coalesce({sql}, false)" for reason, sql in conditions.items()}


def _bad_rows(table: Table, roles: Roles, known: str, sound: dict, leniency: Leniency):
    tests = ", ".join(f"count(*) FILTER (WHERE NOT {sql})" for sql in sound.values())
    counts = table.query(f"SELECT {tests} FROM ({table.relation}) WHERE {known}")[0]
    bad = dict(zip(sound, map(int, counts), strict=True))

    def where(reason: str) -> str:
        return first_rows(table, known, sound[reason])

    return number_soundness(roles, bad, leniency, where)


def number_soundness(
    roles: Roles, counts: dict[str, int], leniency: Leniency, where: Callable[[str], str]
) -> list[Check]:
    """Refuse or report rows that are not sound: ``counts`` by reason, and words of ``where``."""
    bad = {reason: n for reason, n in counts.items() if n}
    if not bad:
        return [Check("data_predictions", "ok", "Every prediction is present and possible.")]
    if leniency.drop_bad:
        return [
            Check(
                IDS.get(reason) or absent_id(reason),
                "medium",
                f"{n:,} {'row was' if n == 1 else 'rows were'} left out: {reason}.",
                n,
            )
            for reason, n in bad.items()
        ]
    reason, n = next(iter(bad.items()))
    shown = [*roles.values[:3], *["..."] * (len(roles.values) > 3)]
    which = f" of {', '.join(shown)}" if reason in (MISSING, NOT_FINITE) else ""
    raise EvidenceError(
        "trueup",
        f"{n:,} {'row' if n == 1 else 'rows'}{which} {'is' if n == 1 else 'are'} "
        f"{reason}{where(reason)}",
        do="Mend them, or say --drop-bad to leave these rows out",
    )
