"""A correction as a SQL query that a person can read and paste."""

from __future__ import annotations

import re

import numpy as np

from trueup.adapters.check import Checked, verified
from trueup.adapters.formula import Formula, row_of
from trueup.adapters.layouts import DIALECTS, LAYOUTS, Dialect
from trueup.adapters.layouts import in_order as sorted_terms
from trueup.core import expressions as ex
from trueup.core.errors import UsageError
from trueup.core.validate import SUM_TOLERANCE


STEPS = 120  # more of them in a lateral query keep DuckDB busy for minutes

SHARES_OFF = "probabilities are missing, outside [0, 1] or off the sum of one"
NUMBERS_OFF = "numbers are missing, sd is not above 0, or low end is above the high one"

NODES = {
    kind: kind.sql
    for kind in (
        ex.Above,
        ex.Apply,
        ex.AtLeast,
        ex.Choose,
        ex.Input,
        ex.Join,
        ex.Key,
        ex.Linear,
        ex.Lookup,
        ex.Pick,
        ex.Piecewise,
        ex.Scaled,
        ex.Sorted,
        ex.Total,
    )
}
"""Kind of node -> its SQL. Nodes write their own, and are listed to be tested like the rest."""


def to_sql(formula: Formula, *, table: str = "predictions", dialect: str = "duckdb") -> str:
    """A query of all columns of ``table`` and the corrected ones beside them.

    Every step of the calculation is a line of its own, and works without knowing the other columns:
    DuckDB leaves the steps out by name, PostgreSQL and Spark join them LATERAL, SQLite gets a
    subquery a corrected column, which is slow for many classes.

    Parameters
    ----------
    table
        Name of the table, as it would be written after FROM.
    dialect
        One of ``duckdb``, ``spark``, ``postgres``, ``sqlite``.

    Examples
    --------
    >>> from trueup.calibration import TemperatureScaling
    >>> from trueup.worlds import confident_by_factor
    >>> fitted = TemperatureScaling().fit(confident_by_factor(2.0, rows=2_000).evidence)
    >>> formula = Formula(fitted.expression(event=True), ("p",), True, ("0", "1"), fitted.method)
    >>> to_sql(formula, table="scores").splitlines()[-1]
    'FROM s7'
    """
    if dialect not in DIALECTS:
        raise UsageError(
            "export to sql", f"there is no dialect {dialect!r}", do=f"Use {', '.join(DIALECTS)}"
        )
    names, stages = _stages(formula, DIALECTS[dialect])
    head = "\n".join(f"-- {line}" for line in _head(formula, dialect))
    end = "" if formula.sets else "_corrected"
    shown = [_named(f"{column}{end}", DIALECTS[dialect]) for column in formula.outputs]
    last = names[id(formula.written)]
    if formula.sets:
        stages.append({f"tu_inside_{j}": f"{name} > 0.5e0" for j, name in enumerate(last)})
        last = list(stages[-1])
    made = dict(zip(shown, last, strict=True))
    layout = LAYOUTS[DIALECTS[dialect].layout]
    return f"{head}\n{layout(stages, made, table=table)}\n"


def check_sql(formula: Formula, *, dialect: str = "duckdb") -> Checked:
    """Run the query on hard rows: in SQLite for its dialect, else in DuckDB."""
    if DIALECTS[dialect].layout == "nested":
        return _check_sqlite(formula)
    if DIALECTS[dialect].quote != '"':
        return Checked(0, float("nan"), 0, f"no {dialect} here; DuckDB's dialect is verified")
    steps = sum(map(len, _stages(formula, DIALECTS[dialect])[1]))
    if DIALECTS[dialect].layout == "lateral" and steps > STEPS:
        why = f"DuckDB takes minutes for {steps} lateral steps; its own dialect is verified"
        return Checked(0, float("nan"), 0, why)
    import duckdb

    def run(probs, **beside):
        with duckdb.connect() as connection:
            columns, values = _columns(formula, probs, beside)
            listed = ", ".join(f"unnest(?::{k}[]) AS {c}" for c, k in columns.items())
            connection.execute(f"CREATE TABLE hard AS SELECT {listed}", values)
            query = to_sql(formula, table="hard", dialect=dialect) + "ORDER BY tu_row"
            return _numbers(connection.execute(query).fetchall(), len(formula.outputs))

    other = "" if dialect == "duckdb" else f", which reads the same words as {dialect}"
    return verified(formula, run, by=f"DuckDB {duckdb.__version__}{other}")


def _check_sqlite(formula: Formula) -> Checked:
    import contextlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("SELECT exp(ln(sinh(1.0)))")
        except sqlite3.OperationalError:
            why = "this SQLite was built without mathematical functions"
            return Checked(0, float("nan"), 0, why)

        def run(probs, **beside):
            columns, values = _columns(formula, probs, beside)
            declared = ", ".join(f"{c} {kind}" for c, kind in columns.items())
            connection.execute(f"CREATE TABLE hard ({declared})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO hard VALUES ({marks})", zip(*values, strict=True))
            query = to_sql(formula, table="hard", dialect="sqlite") + "ORDER BY tu_row"
            return _numbers(connection.execute(query).fetchall(), len(formula.outputs))

        return verified(formula, run, by=f"SQLite {sqlite3.sqlite_version}")


def _columns(formula: Formula, probs: np.ndarray, beside: dict):
    """Name -> type of the columns of a table of hard rows, and their values; NaN is NULL."""
    columns, values = {"tu_row": "INTEGER"}, [list(range(len(probs)))]
    for name, given in formula.inputs.items():
        block = probs if name == formula.input else beside[name].reshape(len(probs), -1)
        kind = "VARCHAR" if isinstance(given, ex.Key) else "DOUBLE"
        for column, row in zip(formula.reads(name), block.T, strict=True):
            columns[_named(column, DIALECTS["duckdb"])] = kind
            values.append([None if v is None or v != v else v for v in row.tolist()])
    return columns, values


def _numbers(rows: list, width: int) -> np.ndarray:
    return np.array([row[-width:] for row in rows], dtype=np.float64)


def _head(formula: Formula, dialect: str) -> list[str]:
    return [
        *formula.words,
        f"A row whose {NUMBERS_OFF if formula.numbers else SHARES_OFF} gives NULL.",
        f"Written for {dialect}.",
    ]


def _named(name: str, rules: Dialect) -> str:
    return rules.quote + name.replace(rules.quote, 2 * rules.quote) + rules.quote


def _stages(formula: Formula, rules: Dialect):
    """Names of the columns of every node, and stages: name -> term, each of earlier names."""
    names: dict[int, list[str]] = {}
    level: dict[int, int] = {}
    stages: list[dict[str, str]] = []
    for place, node in enumerate(ex.in_order(formula.written)):
        row_of(node, NODES, ex.OPS, target="sql")
        given = [names[id(part)] for part in node.parents]
        depth = 1 + max((level[id(part)] for part in node.parents), default=-1)
        if isinstance(node, ex.Pick | ex.Join):
            names[id(node)], level[id(node)] = node.sql(*given), depth - 1
            continue
        terms = _terms(formula, node, given, rules)
        stem = f"tu_{_stem(node)}{place}"
        names[id(node)] = [stem if len(terms) == 1 else f"{stem}_{j}" for j in range(len(terms))]
        level[id(node)] = depth
        stages += [{} for _ in range(depth + 1 - len(stages))]
        stages[depth] |= dict(zip(names[id(node)], terms, strict=True))
    # Whether the row holds probabilities is judged on the numbers, one stage after they are read.
    probs = next(n for n in ex.in_order(formula.written) if getattr(n, "name", "") == formula.input)
    further = [
        name
        for node in ex.in_order(formula.written)
        if isinstance(node, ex.Input) and not isinstance(node, ex.Key) and node is not probs
        for name in names[id(node)]
    ]
    stages += [{} for _ in range(2 - len(stages))]
    good = _good(formula, names[id(probs)], further)
    stages[1]["tu_good"] = f"CASE WHEN {good} THEN 1 ELSE 0 END"
    return names, stages


def _stem(node: ex.Expr) -> str:
    """What a step is called: the input, the operation or the kind of its node."""
    name = node.name if isinstance(node, ex.Input) else getattr(node, "op", type(node).__name__)
    return re.sub(r"\W", "_", str(name), flags=re.ASCII).lower()


def _terms(formula: Formula, node: ex.Expr, given: list, rules: Dialect) -> list[str]:
    if isinstance(node, ex.Input):
        kind = rules.text if isinstance(node, ex.Key) else rules.number
        return [f"CAST(t.{_named(c, rules)} AS {kind})" for c in formula.reads(node.name)]
    if isinstance(node, ex.Sorted):
        return sorted_terms(given[0], rules)
    return [_translated(term, rules) for term in node.sql(*given)]


def _translated(term: str, rules: Dialect) -> str:
    """Names of functions in the words of the engine; text between quotes stays."""
    parts = re.split(r"('(?:[^']|'')*')", term)
    for place in range(0, len(parts), 2):
        for ours, theirs in (("greatest(", rules.greatest), ("least(", rules.least)):
            parts[place] = parts[place].replace(ours, f"{theirs}(")
    for place in range(1, len(parts), 2):
        parts[place] = _quoted(parts[place][1:-1].replace("''", "'"), rules)
    return "".join(parts)


def _quoted(text: str, rules: Dialect) -> str:
    """A string of the engine; where a backslash escapes, it must be escaped itself."""
    for mark in dict.fromkeys([rules.escape, "'"]):
        text = text.replace(mark, rules.escape + mark)
    return f"'{text}'"


def _good(formula: Formula, probs: list[str], further: list[str]) -> str:
    """A condition that is true for a row of probabilities; unknown where a number is missing."""
    total = " + ".join(probs)
    known = [f"abs({name}) < 1e300" for name in further]
    if formula.numbers:
        parts = [f"abs({name}) < 1e300" for name in probs]
        parts += [f"{probs[place]} > 0" for place in formula.positive]
        parts += [f"{probs[low]} <= {probs[high]}" for low, high in formula.rising]
        return " AND ".join([*parts, *known])
    if formula.normalize:
        parts = [*(f"{p} >= 0" for p in probs), f"{total} > 0", f"{total} < 1e300"]
        return " AND ".join([*parts, *known])
    parts = [f"{p} BETWEEN 0 AND 1" for p in probs]
    if not formula.event:
        parts.append(f"abs({total} - 1) <= {SUM_TOLERANCE!r}")
    return " AND ".join([*parts, *known])
