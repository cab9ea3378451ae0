"""What differs from engine to engine of SQL: words, and how steps are laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How an engine writes what differs from engine to engine."""

    quote: str = '"'
    number: str = "DOUBLE"
    text: str = "VARCHAR"
    greatest: str = "greatest"
    least: str = "least"
    layout: str = "lateral"
    escape: str = "'"
    sort: str = "(SELECT v FROM unnest(ARRAY[{all}]) AS u(v) ORDER BY v LIMIT 1 OFFSET {j})"


DIALECTS = {
    "duckdb": Dialect(layout="exclude", sort="list_sort([{all}])[{place}]"),
    "spark": Dialect(quote="`", text="STRING", escape="\\", sort="sort_array(array({all}))[{j}]"),
    "postgres": Dialect(number="DOUBLE PRECISION", text="TEXT"),
    "sqlite": Dialect(
        number="REAL",
        text="TEXT",
        greatest="max",
        least="min",
        layout="nested",
        sort="(SELECT v FROM ({each}) ORDER BY v LIMIT 1 OFFSET {j})",
    ),
}
"""Engines and what is peculiar to each; postgres is the one nearest to the standard."""


def in_order(columns: list[str], rules: Dialect) -> list[str]:
    """A term for each of ``columns`` in rising order."""
    listed, each = ", ".join(columns), " UNION ALL ".join(f"SELECT {c} AS v" for c in columns)
    return [rules.sort.format(all=listed, each=each, j=j, place=j + 1)
            for j in range(len(columns))]  # fmt: skip


def _excluded(stages: list[dict[str, str]], made: dict[str, str], *, table: str) -> str:
    """A step a common table expression; the steps are left out of the result by name."""
    parts = []
    for place, stage in enumerate(stages):
        source = f"s{place - 1}" if place else table
        parts.append(f"s{place} AS (\n  SELECT t.*,\n  {_listed(stage)}\n  FROM {source} AS t\n)")
    steps = ", ".join(name for stage in stages for name in stage)
    shown = _listed({name: _guarded(value) for name, value in made.items()})
    last = f"SELECT * EXCLUDE ({steps}),\n  {shown}\nFROM s{len(stages) - 1}"
    return f"WITH {', '.join(parts)}\n{last}"


def _lateral(stages: list[dict[str, str]], made: dict[str, str], *, table: str) -> str:
    """A step a lateral subquery: needs to know no other column, and is standard SQL."""
    shown = _listed({name: _guarded(value) for name, value in made.items()})
    lines = [f"SELECT t.*,\n  {shown}", f"FROM {table} AS t"]
    for place, stage in enumerate(stages):
        lines.append(f"CROSS JOIN LATERAL (SELECT\n  {_listed(stage)}\n) AS s{place}")
    return "\n".join(lines)


def _nested(stages: list[dict[str, str]], made: dict[str, str], *, table: str) -> str:
    """A subquery a corrected column, with no more steps than it needs."""
    shown = []
    for name, value in made.items():
        needed, kept = {value, "tu_good"}, []
        for stage in reversed(stages):
            mine = {step: term for step, term in stage.items() if step in needed}
            needed |= set(re.findall(r"\btu_\w+", " ".join(mine.values())))
            kept.append(mine)
        parts, known = [], []
        for place, stage in enumerate(filter(None, reversed(kept))):
            steps = ", ".join([*known, *(f"{term} AS {step}" for step, term in stage.items())])
            source = f" FROM s{place - 1}" if place else ""
            # Materialized: else a step is pasted into every place that uses it.
            parts.append(f"s{place} AS MATERIALIZED (SELECT {steps}{source})")
            known += list(stage)
        steps = ",\n    ".join(parts)
        shown.append(
            f"(WITH {steps}\n    SELECT {_guarded(value)} FROM s{len(parts) - 1}) AS {name}"
        )
    terms = ",\n  ".join(shown)
    return f"SELECT t.*,\n  {terms}\nFROM {table} AS t"


LAYOUTS = {"exclude": _excluded, "lateral": _lateral, "nested": _nested}


def _listed(terms: dict[str, str]) -> str:
    return ",\n  ".join(f"{term} AS {name}" for name, term in terms.items())


def _guarded(value: str) -> str:
    return f"CASE WHEN tu_good = 1 THEN {value} END"
