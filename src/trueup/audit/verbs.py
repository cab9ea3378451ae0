"""``audit`` a table of predictions, or a model and data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from trueup.audit.history import remember, remember_if_possible
from trueup.audit.judge import Judged, judge_model
from trueup.audit.models import compare
from trueup.audit.result import Audit
from trueup.audit.slices import EMPTY
from trueup.core.errors import UsageError
from trueup.core.measure import check_level
from trueup.core.tables.labels import one_class, table_values
from trueup.core.tables.opened import opened
from trueup.core.tables.plan import Plan, make_plan
from trueup.core.tables.profile import profile
from trueup.core.tables.roles import Leniency, Roles, assign
from trueup.core.tables.scan import scan
from trueup.core.tables.source import Table


MODELS = 20


def audit(
    data: Any,
    *,
    truth: str = "",
    probs: Sequence[str] = (),
    prob: str = "",
    by: Sequence[str] | str = (),
    level: float = 0.95,
    history: bool | str | Path = True,
    **roles_and_leniency: Any,
) -> Audit:
    """Measure, correct and prove a table of predicted probabilities.

    Parameters
    ----------
    data
        Path of Parquet or CSV files, ``file.duckdb::table``, a pandas, polars or Arrow table, or a
        dict of arrays (n,). A Spark or Dask DataFrame, a polars LazyFrame, an Ibis table and a
        DuckDB relation stay where they are: their engine adds up, and only sums come here.
    truth
        Column of what happened; guessed from the names where empty.
    probs, prob
        Columns of class probabilities, or the one column of an event's; guessed where empty.
    by
        Columns that cut the rows into slices; pairs of them are examined too.
    level
        Level of all intervals, in (0, 1).
    history
        True remembers the audit in ``.trueup/history.duckdb`` below the current folder, or where
        the variable ``TRUEUP_HISTORY`` says (``off`` for nowhere); a path remembers it there, and
        False nowhere.
    **roles_and_leniency
        Columns ``time``, ``cluster``, ``weight``, ``model``, ``key``; ``normalize`` or
        ``drop_bad`` (bool) for bad rows, ``positive`` (label of the event), ``classes`` (names);
        ``guess`` (False takes no role from the names of columns, only what is named here),
        ``threads`` (int), ``progress`` (called with done and all rows), ``name`` (what to call
        the table) and ``engine`` (``"duckdb"``, ``"polars"``, ``"dask"`` or ``"spark"``: what reads
        the files of a path).

    Returns
    -------
    Audit
        Print it, or take ``report``, ``to_dict``, ``findings``, ``remedy``.

    Raises
    ------
    EvidenceError
        The table cannot be read or holds impossible values.
    UsageError
        Roles that cannot be guessed, or settings that make no sense.

    Examples
    --------
    >>> from trueup.worlds import planted_table
    >>> world = planted_table(50_000, bad_shift=-1.0)
    >>> found = audit(world.columns, truth="y", prob="p", by="region")
    >>> [finding.id for finding in found.findings]
    ['bad_slice:region=region_03', 'overconfident']
    """
    check_level("audit", level)
    if prob and probs:
        raise UsageError("audit", "both prob and probs were given", do="Pass one of them")
    started = time.perf_counter()
    by = (by,) if isinstance(by, str) else tuple(dict.fromkeys(by))
    columns = tuple([prob] if prob else [probs] if isinstance(probs, str) else probs)
    options = _options(roles_and_leniency)
    given = Roles(truth, columns, event=bool(prob), by=by, **options["roles"])
    with opened(data, threads=options["threads"], engine=options["engine"]) as table:
        roles = assign(table, given, guess=options["guess"])
        leniency = Leniency(**options["leniency"])
        models, notes = _judged(table, roles, leniency, level, options)
        made = Audit(
            options["name"] or table.name,
            models,
            compare(models, level=level) if len(models) > 1 else [],
            time.perf_counter() - started,
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            [*how(models[0]), *_elsewhere(table)],
            level,
            notes,
        )
    if history is True:
        remember_if_possible(made)
    elif history:
        remember(made, Path(history))
    return made


def audit_model(model: Any, X: Any, y: Any, *, by: dict | None = None, **options: Any) -> Audit:
    """Audit a fitted classifier on data that it was not trained on.

    Parameters
    ----------
    model
        Anything with ``predict_proba(X)`` and ``classes_``, such as a scikit-learn classifier.
    X, y
        Data that the model has never seen; a model looks better on its training data than it is.
    by
        Name -> (n,) columns that cut the rows into slices.
    **options
        As for ``audit``; ``cluster``, ``time`` and ``weight`` take (n,) arrays here.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_digits(return_X_y=True)
    >>> found = audit_model(GaussianNB().fit(X[:900], y[:900]), X[900:], y[900:])
    >>> found.advice
    'Cool it'
    """
    probs = np.asarray(model.predict_proba(X), dtype=np.float64)
    names = [str(label) for label in model.classes_]
    if len(probs) != len(y):
        raise UsageError(
            "audit_model", f"{len(probs)} predictions, {len(y)} truths", do="Match X, y"
        )
    table: dict[str, Any] = {"truth": np.asarray([str(label) for label in y], dtype=object)}
    for role in ("cluster", "time", "weight"):
        if role in options:
            table[role], options[role] = np.asarray(options[role]), role
    cuts = {str(name): np.asarray(values) for name, values in (by or {}).items()}
    table |= cuts
    if len(names) == 2:
        table["probability"] = probs[:, 1]
        options |= {"prob": "probability", "positive": names[1]}
    else:
        table |= {f"p_{name}": column for name, column in zip(names, probs.T, strict=True)}
        options |= {"probs": [f"p_{name}" for name in names], "classes": tuple(names)}
    options.setdefault("name", type(model).__name__)
    return audit(table, truth="truth", by=list(cuts), **options)


def _options(given: dict) -> dict:
    """Sort keywords into roles, leniency and the rest; refuse unknown ones."""
    roles = {k: given.pop(k) for k in ("time", "cluster", "weight", "model", "key") if k in given}
    leniency = {
        k: given.pop(k) for k in ("normalize", "drop_bad", "positive", "classes") if k in given
    }
    if "positive" in leniency:
        leniency["positive"] = str(leniency["positive"])
    if "classes" in leniency:
        leniency["classes"] = tuple(map(str, leniency["classes"]))
    usual = {"threads": 2, "progress": None, "name": "", "engine": "", "guess": True}
    rest = {key: given.pop(key, value) for key, value in usual.items()}
    if given:
        raise UsageError(
            "audit",
            f"unknown argument {sorted(given)[0]!r}",
            do="Use time, cluster, weight, model, key, normalize, drop_bad, positive, classes",
        )
    return {"roles": roles, "leniency": leniency, **rest}


def _elsewhere(table: Any) -> list[tuple[str, str]]:
    """Which engine did the work, where trueup did not read the table itself."""
    engine = getattr(table, "engine", None)
    if engine is None:
        return []
    return [("Engine", f"{engine.name} added up the rows where they are; only sums came here.")]


def _judged(table: Table, roles: Roles, leniency: Leniency, level: float, options: dict):
    """Every model of the table judged, the best first, and what was left out."""
    look = profile(table, roles, leniency)
    names = [name for name, _ in _models(table, roles)] or [""]
    if len(names) > MODELS:
        raise UsageError(
            "audit", f"{roles.model!r} names more than {MODELS} models", do="Select some of them"
        )
    judged, notes = [], []
    for place, name in enumerate(sorted(names)):
        plan = make_plan(table, roles, look, model=name)
        found = scan(
            table,
            plan,
            threads=options["threads"],
            progress=_progress(options["progress"], table.rows, place, len(names)),
        )
        one_class(found.class_counts, look.classes, roles.truth)
        shown = name or EMPTY if roles.model else ""
        judged.append(judge_model(found, plan, model=shown, level=level))
        notes = [s.left_out for s in plan.slicers if s.left_out] + _pairs_left_out(plan)
    return sorted(judged, key=lambda j: j.measures["log_loss"].value), notes


def _models(table: Table, roles: Roles) -> list:
    return table_values(table, roles.model, limit=MODELS + 1) if roles.model else []


def _pairs_left_out(plan: Plan) -> list[str]:
    every = len(plan.slicers) * (len(plan.slicers) - 1) // 2
    left = every - len(plan.pairs)
    return [f"{left} pairs of columns have too many values together and were not examined"] * (
        left > 0
    )


def _progress(told: Callable | None, rows: int, place: int, models: int) -> Callable | None:
    if told is None:
        return None
    return lambda done: told(place * rows + done, models * rows)


def how(judged: Judged) -> list[tuple[str, str]]:
    """How everything was computed, for the end of the report."""
    plan, cube = judged.plan, judged.cube
    groups = int((cube.table.total("n")[:, 0] > 0).sum())
    made_of = {
        "row": f"a portable hash of {plan.known_by}",
        "cluster": f"a portable hash of {plan.roles.cluster!r}, so that a cluster stays together",
        "block": f"contiguous blocks of {plan.roles.time!r}: neighbours may depend on each other",
    }[plan.grouping]
    sample = judged.scan.sample
    fitted = (
        "on all rows, through their score bins"
        if sample is None
        else "on all rows"
        if sample.every == 1
        else f"on a seeded sample of {len(sample.truth):,} rows"
    )
    return [
        ("One pass", f"{cube.n:,} rows were summed into {groups} groups x {cube.grid.size} bins."),
        ("Groups", f"Rows were grouped by {made_of}."),
        ("Error bars", "Delete-a-group jackknife with Student's t at the effective degrees of "
         "freedom; Wilson's interval for shares with fewer than 15 errors or successes."),
        ("Corrections", f"Fitted {fitted}; half of the groups learn and choose by cross-fitting, "
         "the other half prove; doing nothing is always a candidate. A line for each value of a "
         "column of slices must beat what wins without, through 64 bins of the score a value."),
        ("Slices", "Same scores are compared inside and outside; Benjamini-Hochberg at 5 % over "
         "single values and at 1 % over pairs; a pair is named only if neither of its values "
         "explains it."),
        ("Drift", "Largest standardised running sum over chunks of time, judged by permutation, "
         "Holm over the three series."),
        ("Calibration error", "Shown free of noise; the plug-in ECE (15 equal-width bins) is "
         "shown only beside the value that a perfectly calibrated model would have."),
    ]  # fmt: skip
