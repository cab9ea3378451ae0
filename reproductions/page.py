"""The readable ledger: RESULTS.md, made from ledger.json and the literals of the scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reproductions.ledger import HERE, Reproduction, read_ledger, read_scripts
from trueup.core.cards import QUESTIONS


HEAD = """\
<!-- Generated from ledger.json and the scripts; do not edit. -->
# Reproductions

Claims of published systems, measured here on small real or known-truth data. A number is the mean
over seeds with its 95% interval. A claim **holds** if the whole interval lies on the claimed side;
**at this scale** says that it does so in a smaller world than the published one. Seconds are those
of one core, for all seeds and claims of the system.
"""


def results(folder: Path = HERE) -> str:
    """The text of RESULTS.md."""
    rows, scripts = read_ledger(folder), read_scripts(folder)
    parts = [HEAD, _counts(rows)]
    for question in QUESTIONS:
        here = [script for script in scripts if script.question == question]
        if here:
            parts.append(f"## {question.capitalize()}\n")
            parts += [_section(script, _rows_of(script, rows)) for script in here]
    return "\n".join(parts)


def write_results(folder: Path = HERE) -> None:
    """Write RESULTS.md."""
    (folder / "RESULTS.md").write_text(results(folder), encoding="utf-8")


def number(measured: dict) -> str:
    """A measured number with its interval, short."""
    value, low, high = (measured[key] for key in ("value", "low", "high"))
    said = "no number" if value is None else f"{value:.3g}"
    return f"{said} ({low:.3g} to {high:.3g})" if None not in (low, high) else said


def status(rows: Sequence[dict]) -> str:
    """How many claims of some rows hold, in words."""
    if not rows:
        return "not run yet"
    names = (("yes", "hold"), ("at this scale", "at this scale"), ("no", "do not hold"))
    counts = [(sum(row["holds"] == key for row in rows), words) for key, words in names]
    return ", ".join(f"{count} {words}" for count, words in counts if count)


def _counts(rows: Sequence[dict]) -> str:
    systems = {(row["mission"], row["system"]) for row in rows}
    return f"{len(rows)} claims of {len(systems)} systems: {status(rows)}.\n"


def _rows_of(script: Reproduction, rows: Sequence[dict]) -> list[dict]:
    key = (script.mission, script.system)
    return [row for row in rows if (row["mission"], row["system"]) == key]


def _section(script: Reproduction, rows: Sequence[dict]) -> str:
    place = "/".join(script.path.parts[-2:])
    lines = [f"### {script.system}", "", f"{script.paper}. What differs here: {script.differs}", ""]
    if not rows:
        return "\n".join([*lines, f"Not run yet: `trueup reproduce {script.mission}`.", ""])
    first = rows[0]
    lines += [
        f"`{first['command']}` runs `{place}`: {first['seeds']} seed(s), {first['seconds']} s.",
        "",
        "| claim | must be | measured | holds |",
        "|---|---|---|---|",
    ]
    sides = {claim.words: claim.side for claim in script.claims}
    for row in rows:
        fault = f"; {row['measured']['how']}" if row["measured"]["low"] is None else ""
        cells = (row["claim"], sides.get(row["claim"], "?"), number(row["measured"]) + fault)
        line = " | ".join(cell.replace("|", "\\|") for cell in cells)
        lines.append(f"| {line} | {row['holds']} |")
    return "\n".join([*lines, ""])
