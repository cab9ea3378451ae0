"""``audit`` a table of predictions, or a model and data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from trueup.audit.asked import NUMBERS, asked_form
from trueup.audit.cut import EMPTY
from trueup.audit.history import remember, remember_if_possible
from trueup.audit.judge import judge_model
from trueup.audit.models import compare
from trueup.audit.numbers.judge import judge_numbers
from trueup.audit.numbers.measures import scores_to_sum
from trueup.audit.result import Audit
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
    """Measure, correct and prove a table of predictions: of probabilities, or of a number.

    Parameters
    ----------
    data
        Path of Parquet or CSV files, ``file.duckdb::table``, a pandas, polars or Arrow table, or a
        dict of arrays (n,). A Spark or Dask DataFrame, a polars LazyFrame, an Ibis table and a
        DuckDB relation stay where they are: their engine adds up, and only sums come here; of
        forecasts of numbers DuckDB and Ibis hand over the columns that are needed.
    truth
        Column of what happened; guessed from the names where empty.
    probs, prob
        Columns of class probabilities, or the one column of an event's; guessed where empty.
        Of a number say ``mean`` and ``sd``; ``quantiles={0.1: "q10", ...}``; ``members`` (names, or
        a pattern such as ``"m*"``); ``low``, ``high`` and ``nominal`` (the share of truths that
        should lie between); or ``point``.
    by
        Columns that cut the rows into slices; pairs of them are examined too.
    level
        Level of all intervals, in (0, 1).
    history
        True remembers the audit in ``.trueup/history.duckdb`` below the current folder, or where
        the variable ``TRUEUP_HISTORY`` says (``off`` for nowhere); a path remembers it there, and
        False nowhere.
    **roles_and_leniency
        Columns ``time``, ``cluster``, ``weight``, ``model``, ``key``, and of forecasts of a number
        ``against`` (a point forecast of the same truth, to be compared with); ``normalize`` or
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
    options = read_options("audit", roles_and_leniency)
    values, form = asked_form(options["numbers"])
    if form and columns:
        raise UsageError("audit", "probabilities and a forecast were given", do="Pass one of them")
    given = Roles(truth, columns, bool(prob), values, form, by=by, **options["roles"])
    with opened(data, threads=options["threads"], engine=options["engine"]) as table:
        if given.against and getattr(table, "engine", None) is not None:
            raise UsageError(
                "audit",
                f"against '{given.against}': forecasts cannot be judged where they are",
                why="the sums of a reference are made from files alone",
                do="Leave out --engine, or --against",
            )
        roles = assign(table, given, guess=options["guess"])
        leniency = Leniency(**options["leniency"])
        models, notes = _judged(table, roles, leniency, level, options)
        made = Audit(
            options["name"] or table.name,
            models,
            compare(models, level=level) if len(models) > 1 else [],
            time.perf_counter() - started,
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            [*models[0].how, *_elsewhere(table, numbers=bool(roles.form))],
            level,
            notes,
        )
    if history is True:
        remember_if_possible(made)
    elif history:
        remember(made, Path(history))
    return made


def audit_model(model: Any, X: Any, y: Any, *, by: dict | None = None, **options: Any) -> Audit:
    """Audit a fitted classifier or regressor on data that it was not trained on.

    Parameters
    ----------
    model
        Anything with ``predict_proba(X)`` and ``classes_``, such as a scikit-learn classifier; or
        with ``predict(X)`` alone, which gives a number (n,) a row.
    X, y
        Data that the model has never seen; a model looks better on its training data than it is.
    by
        Name -> (n,) columns that cut the rows into slices.
    **options
        As for ``audit``; ``cluster``, ``time``, ``weight`` and ``against`` take (n,) arrays here.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_digits(return_X_y=True)
    >>> found = audit_model(GaussianNB().fit(X[:900], y[:900]), X[900:], y[900:])
    >>> found.advice
    'Cool it'
    """
    table, said = _predicted(model, X, y)
    for role in ("cluster", "time", "weight", "against"):
        if role in options:
            table[role], options[role] = np.asarray(options[role]), role
    cuts = {str(name): np.asarray(values) for name, values in (by or {}).items()}
    options = {"name": type(model).__name__} | options | said
    return audit(table | cuts, truth="truth", by=list(cuts), **options)


def _predicted(model: Any, X: Any, y: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Truth and prediction as a table, and which columns hold the prediction."""
    if not hasattr(model, "predict_proba"):
        values = np.asarray(model.predict(X), dtype=np.float64)
        _match(values, y)
        if values.ndim != 1:
            raise UsageError(
                "audit_model",
                f"predict gives an array of shape {values.shape}",
                do="Pass a model of one number a row, or a table to audit",
            )
        truth = np.asarray(y, dtype=np.float64)
        return {"truth": truth, "prediction": values}, {"point": "prediction"}
    probs = np.asarray(model.predict_proba(X), dtype=np.float64)
    names = [str(label) for label in model.classes_]
    _match(probs, y)
    table: dict[str, Any] = {"truth": np.asarray([str(label) for label in y], dtype=object)}
    if len(names) == 2:
        said = {"prob": "probability", "positive": names[1]}
        return table | {"probability": probs[:, 1]}, said
    table |= {f"p_{name}": column for name, column in zip(names, probs.T, strict=True)}
    return table, {"probs": [f"p_{name}" for name in names], "classes": tuple(names)}


def _match(said: np.ndarray, y: Any) -> None:
    if len(said) != len(y):
        raise UsageError(
            "audit_model", f"{len(said)} predictions, {len(y)} truths", do="Match X, y"
        )


def read_options(who: str, given: dict) -> dict:
    """Sort keywords into roles, leniency and the rest; refuse unknown ones."""
    names = ("time", "cluster", "weight", "model", "key", "against")
    roles = {k: given.pop(k) for k in names if k in given}
    leniency = {
        k: given.pop(k) for k in ("normalize", "drop_bad", "positive", "classes") if k in given
    }
    if "positive" in leniency:
        leniency["positive"] = str(leniency["positive"])
    if "classes" in leniency:
        leniency["classes"] = tuple(map(str, leniency["classes"]))
    usual = {"threads": 2, "progress": None, "name": "", "engine": "", "guess": True}
    rest = {key: given.pop(key, value) for key, value in usual.items()}
    numbers = {key: given.pop(key) for key in NUMBERS if key in given}
    if given:
        raise UsageError(
            who,
            f"unknown argument {sorted(given)[0]!r}",
            do="Use time, cluster, weight, model, key, normalize, drop_bad, positive, classes; of "
            f"numbers {', '.join(NUMBERS)}, against",
        )
    return {"roles": roles, "leniency": leniency, "numbers": numbers, **rest}


def _elsewhere(table: Any, *, numbers: bool) -> list[tuple[str, str]]:
    """Which engine did the work, where trueup did not read the table itself."""
    engine = getattr(table, "engine", None)
    if engine is None:
        return []
    if numbers and engine.sends:
        text = "handed over the columns that were needed; trueup added up the rows as they came."
    else:
        text = "added up the rows where they are; only sums came here."
    return [("Engine", f"{engine.name} {text}")]


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
        if roles.form:
            plan = replace(plan, scores=scores_to_sum(roles.form))
        found = scan(
            table,
            plan,
            threads=options["threads"],
            progress=_progress(options["progress"], table.rows, place, len(names)),
        )
        shown = name or EMPTY if roles.model else ""
        if not roles.form:
            one_class(found.class_counts, look.classes, roles.truth)
        judge = judge_numbers if roles.form else judge_model
        judged.append(judge(found, plan, model=shown, level=level))
        notes = [s.left_out for s in plan.slicers if s.left_out] + _pairs_left_out(plan)
    return sorted(judged, key=lambda j: j.measures[j.score.name].value), notes


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
