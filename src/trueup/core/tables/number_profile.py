"""A first look at a table of forecasts of numbers, and what is wrong with its columns."""

from __future__ import annotations

from collections.abc import Callable

from trueup.core.errors import EvidenceError
from trueup.core.tables.checks import (
    WEIGHT,
    Check,
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
    MISSING: "data_nulls",
    NOT_FINITE: "data_not_finite",
    TRUTH: "data_not_finite",
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
    for column in (roles.truth, *roles.values, *filter(None, [roles.weight])):
        numbers_only(table, column)
    in_order(table, roles.time)
    truth = quoted(roles.truth)
    known = f"{truth} IS NOT NULL"
    if table.kind(roles.truth) == "number":
        known += f" AND NOT isnan({truth}::DOUBLE)"
    sound = _sound(table, roles)
    keep = known if not leniency.drop_bad else f"{known} AND {' AND '.join(sound.values())}"
    checks = _bad_rows(table, roles, known, sound, leniency)
    rows = int(table.query(f"SELECT count(*) FROM ({table.relation}) WHERE {keep}")[0][0])
    checks += counted(table, roles, weighed(table, roles, keep, rows), known)
    keep = "true" if rows == table.rows else keep
    return Profile(rows, (), f"{truth}::DOUBLE", keep, checks=checks)


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
                IDS.get(reason, "data_nulls"),
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
