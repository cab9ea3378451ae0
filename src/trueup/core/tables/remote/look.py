"""The first look at a table that lives elsewhere: a few small queries."""

from __future__ import annotations

import narwhals as nw

from trueup.core.errors import EvidenceError
from trueup.core.tables.checks import WEIGHT, enough, repeated
from trueup.core.tables.labels import plain_label, read_labels
from trueup.core.tables.number_profile import (
    MISSING,
    NO_SPREAD,
    NOT_FINITE,
    TRUTH,
    TURNED,
    number_soundness,
)
from trueup.core.tables.profile import Profile, profile, soundness
from trueup.core.tables.remote.rows import by_role, code_of
from trueup.core.tables.remote.table import RemoteTable
from trueup.core.tables.roles import Leniency, Roles
from trueup.core.validate import SUM_TOLERANCE


@profile.register
def _(table: RemoteTable, roles: Roles, leniency: Leniency | None = None) -> Profile:
    leniency = leniency or Leniency()
    _types(table, roles)
    frame = by_role(table, roles)
    if roles.form:
        sound = sound_numbers(roles) | sound_roles(roles)
        rows, keep, checks = _counted(table, roles, leniency, frame, sound)
        return Profile(rows, (), nw.col("truth").cast(nw.Float64), keep, checks=checks)
    values = table.values(frame, "truth", limit=2 + 20 * max(len(roles.probs), 10))
    classes, _ = read_labels(table, roles, [(text, n) for _, text, n in values], leniency)
    sound = sound_probabilities(roles, leniency) | sound_roles(roles)
    rows, keep, checks = _counted(table, roles, leniency, frame, sound)
    code = _code(table, roles, classes, values)
    return Profile(rows, classes, code, keep, leniency.normalize, checks)


def _counted(table: RemoteTable, roles: Roles, leniency: Leniency, frame: nw.LazyFrame, sound):
    """Rows that take part, their condition, and what is said of them and of the others."""
    sound = {reason: ok.fill_null(False) for reason, ok in sound.items()}
    known = ~nw.col("truth").is_null()
    every = nw.all_horizontal(*sound.values(), ignore_nulls=True)
    weighed = every & (nw.col("weight") > 0) if roles.weight else every
    names = {reason: f"bad{i}" for i, reason in enumerate(sound)}
    tests = {names[reason]: _count(~ok) for reason, ok in sound.items()}
    tests |= {"known": nw.len(), "kept": _count(every), "weighed": _count(weighed)}
    counts = {
        k: int(v[0] or 0) for k, v in table.arrays(frame.filter(known).select(**tests)).items()
    }

    def where(reason: str) -> str:
        shown = ["truth"] if reason == TRUTH else [f"p{j}" for j in range(len(roles.said))][:4]
        return _example(table, shown, frame.filter(known & ~sound[reason]))

    bad = {reason: counts[name] for reason, name in names.items()}
    checks = (number_soundness if roles.form else soundness)(roles, bad, leniency, where)
    kept = "kept" if leniency.drop_bad else "known"
    judged = counts["weighed"] if roles.weight else counts[kept]
    checks += enough(table.name, table.rows, judged, table.rows - counts["known"])
    if roles.key:
        checks.append(repeated(roles.key, _duplicates(table, roles)))
    return counts[kept], known & every if leniency.drop_bad else known, checks


def _types(table: RemoteTable, roles: Roles) -> None:
    truth = [roles.truth] if roles.form else []
    for column in (*truth, *roles.said, *filter(None, [roles.weight])):
        if table.kind(column) not in ("number", "integer"):
            raise EvidenceError(
                "trueup",
                f"column {column!r} must hold numbers; it holds {table.columns[column]}",
                do="Mend the column, or name another one",
            )
    if roles.time and (
        table.kind(roles.time) not in ("time", "number", "integer")
        or table.schema[roles.time] in (nw.Time, nw.Duration)
    ):
        raise EvidenceError(
            "trueup",
            f"time {roles.time!r} holds {table.columns[roles.time]}",
            do="Pass a column of dates or of numbers",
        )


def sound_probabilities(roles: Roles, leniency: Leniency) -> dict[str, nw.Expr]:
    """Reason -> condition that holds for a sound row, in the words of ``profile``."""
    columns = [nw.col(f"p{j}") for j in range(len(roles.probs))]
    total = nw.sum_horizontal(*columns)
    inside = [c >= 0 if leniency.normalize and not roles.event else (c >= 0) & (c <= 1)
              for c in columns]  # fmt: skip
    found = {
        "missing": _all([~c.is_null() for c in columns]),
        "NaN or infinite": _all([c.is_finite() for c in columns]),
        "outside [0, 1]": _all(inside),
    }
    if not roles.event and leniency.normalize:
        found["all zero"] = total > 0
    elif not roles.event:
        found["not summing to one"] = (total - 1.0).abs() <= SUM_TOLERANCE
    return found


def sound_numbers(roles: Roles) -> dict[str, nw.Expr]:
    """The same of a forecast of a number, in the words of ``number_profile``."""
    columns = [nw.col(f"p{j}") for j in range(len(roles.values))]
    found = {
        MISSING: _all([~c.is_null() for c in columns]),
        NOT_FINITE: _all([c.is_finite() for c in columns]),
        TRUTH: nw.col("truth").cast(nw.Float64).is_finite(),
    }
    kind = roles.form.kind if roles.form else ""
    if kind == "normal":
        found[NO_SPREAD] = columns[1] > 0
    if kind == "intervals":
        found[TURNED] = columns[0] <= columns[1]
    return found


def sound_roles(roles: Roles) -> dict[str, nw.Expr]:
    """The same of the columns beside the prediction."""
    found: dict[str, nw.Expr] = {}
    if roles.weight:
        weight = nw.col("weight")
        found[WEIGHT] = (weight >= 0) & weight.is_finite()
    for role in filter(lambda role: getattr(roles, role), ("time", "cluster", "key", "model")):
        present = ~nw.col(role).is_null()
        found[f"without a {role}"] = (
            present & nw.col(role).is_finite() if role == "time" else present
        )
    return found


def _all(conditions: list[nw.Expr]) -> nw.Expr:
    return nw.all_horizontal(*conditions, ignore_nulls=False)


def _count(condition: nw.Expr) -> nw.Expr:
    return condition.cast(nw.Int64).sum()


def _example(table: RemoteTable, names: list[str], bad: nw.LazyFrame) -> str:
    """What a bad row holds: rows elsewhere have no numbers to name them by."""
    first = table.arrays(bad.select(*names).head(1))
    return f"; one of them holds {[float(first[name][0]) for name in names]}"


def _code(table: RemoteTable, roles: Roles, classes: tuple, values: list) -> nw.Expr:
    """The code of the truth, value by value."""
    kind = table.kind(roles.truth)
    names = [plain_label(text, kind) for _, text, _ in values]
    if roles.event:
        codes = [int(name == classes[1]) for name in names]
    else:  # a flag may stand for the classes 0 and 1
        codes = [classes.index(n) if n in classes else int(n == "True") for n in names]
    return code_of(nw.col("truth"), [value for value, _, _ in values], codes, 0)


def _duplicates(table: RemoteTable, roles: Roles) -> int:
    """Rows whose key, for this model, has come before."""
    keys = [table.safe[name] for name in (roles.key, roles.model) if name]
    known = table.frame.filter(~nw.col(keys[0]).is_null())
    counts = known.group_by(*keys).agg(nw.len().alias("n"))
    found = table.arrays(counts.select(rows=nw.col("n").sum(), keys=nw.len()))
    return int(found["rows"][0]) - int(found["keys"][0])
