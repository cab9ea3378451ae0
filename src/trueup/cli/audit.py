"""``trueup audit``: judge a table of predictions."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import click

from trueup.cli import plain


LISTED, USUAL_LEVEL = 10, 0.95
COMMANDLINE = click.core.ParameterSource.COMMANDLINE
ENGINES = "What reads the files: duckdb, polars, dask or spark."
NUMBERS = (
    r"crps|wis|pinball|interval_score|coverage_\d+|width_\d+|bias|mae|rmse|pit_p_value|"
    "spread_skill|rms_z|log_score|crossing|skill|skill_mae|skill_rmse|diebold_mariano_p_value"
)
"""Names of the measures of forecasts of numbers."""
CHARTS = ("altair", "vl_convert")


@click.command(name="audit")
@click.argument("table")
@click.option("--truth", default="", help="Column of what happened. Guessed if left out.")
@click.option("--prob", default="", help="Column of an event's probability.")
@click.option("--probs", default="", help="Columns of class probabilities: A,B,C.")
@click.option("--mean", default="", help="Column of the mean of a normal law; goes with --sd.")
@click.option("--sd", default="", help="Column of its standard deviation.")
@click.option("--quantile", multiple=True, help="LEVEL=NAME of a quantile, as 0.1=q10; repeats.")
@click.option("--members", multiple=True, help="Columns of an ensemble: A,B,C or a pattern, m*.")
@click.option("--low", default="", help="Column of the lower end of an interval.")
@click.option("--high", default="", help="Column of the upper end.")
@click.option("--nominal", type=float, help="Share of truths that the interval should hold.")
@click.option("--point", default="", help="Column of a point forecast.")
@click.option("--against", default="", help="Column of a reference point forecast to beat.")
@click.option("--by", multiple=True, help="Column that cuts rows into slices; may repeat.")
@click.option("--time", default="", help="Column of time: rows become a series.")
@click.option("--cluster", default="", help="Column of what rows belong to (patient, document).")
@click.option("--weight", default="", help="Column of row weights.")
@click.option("--model", default="", help="Column that names the model, to compare several.")
@click.option("--key", default="", help="Column that makes a row unique.")
@click.option("--no-guess", is_flag=True, help="Take no role from the names of columns.")
@click.option("--positive", default="", help="Label that is the event, where it is not 1 or true.")
@click.option("--classes", default="", help="Class of each --probs column: A,B,C.")
@click.option("--normalize", is_flag=True, help="Divide rows of --probs by their sum.")
@click.option("--drop-bad", is_flag=True, help="Leave out rows with impossible probabilities.")
@click.option("--level", default=USUAL_LEVEL, show_default=True, help="Level of the error bars.")
@click.option("--out", default="", help="Write the report to this HTML file.")
@click.option("--interactive", is_flag=True, help="Make the charts of --out interactive.")
@click.option("--json", "json_out", default="", help="Write the numbers to this JSON file.")
@click.option("--save", default="", help="Write the proven remedy into this folder.")
@click.option("--fail-if", multiple=True, help='Exit with 1 if true: "log_loss>0.5". May repeat.')
@click.option("--engine", default="duckdb", show_default=True, help=ENGINES)
@click.option("--threads", default=2, show_default=True, help="Threads of the pass.")
@click.option("--no-history", is_flag=True, help="Do not remember this audit.")
def command(table: str, **options: Any) -> None:
    """Judge TABLE: Parquet or CSV (a glob, too), or file.duckdb::table."""
    gates = [parse_gate(text) for text in options["fail_if"]]
    _read_level(options)
    _look_ahead(options)
    found = _audit(table, options)
    try:
        written = _write(found, options)
    finally:  # a full disk must not cost the verdict, nor a closed pipe the files
        show(found)
    for line in written:
        click.echo(plain(line))
    broken = [gate for gate in gates if holds(gate, found.measures)]
    for name, sign, limit in broken:
        value = found.measures[name].value
        click.echo(f"--fail-if: {name} is {value:.4g}, which is {sign} {limit:g}", err=True)
    if broken:
        click.get_current_context().exit(1)


def _read_level(options: dict) -> None:
    """Of an interval without ``--nominal`` a ``--level`` that was given is what it states."""
    given = click.get_current_context().get_parameter_source("level") is COMMANDLINE
    if options["low"] and options["high"] and options["nominal"] is None and given:
        options["nominal"], options["level"] = options["level"], USUAL_LEVEL


def _look_ahead(options: dict) -> None:
    """Refuse what could not be written, before the work is done rather than after."""
    from importlib.util import find_spec
    from pathlib import Path

    from trueup.audit.whole import place_for
    from trueup.core.errors import MissingPackage, UsageError

    for name in filter(options.get, ("out", "json_out")):
        place_for(f"--{name.removesuffix('_out')}", options[name])
    if options["save"] and Path(options["save"]).is_file():
        raise UsageError("--save", f"{options['save']} is a file", do="Name a folder")
    if options["out"] and not all(map(find_spec, CHARTS)):
        raise MissingPackage(
            "--out",
            f"the report needs {' and '.join(CHARTS)}",
            do='Run: pip install "trueup[report]"',
        )


def _audit(table: str, options: dict) -> Any:
    from trueup.audit.asked import names_of
    from trueup.audit.verbs import audit

    def split(text: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",")) if text else ()

    same = ("mean", "sd", "low", "high", "nominal", "point", "time", "cluster", "weight", "model",
            "key", "against", "positive", "normalize", "drop_bad")  # fmt: skip
    rest = ("truth", "prob", "by", "level", "threads", "engine")
    passed = {name: options[name] for name in (*same, *rest)}
    with bar() as progress:
        return audit(
            table,
            probs=split(options["probs"]),
            classes=split(options["classes"]),
            quantiles=_quantiles(options["quantile"]),
            members=names_of(options["members"]),
            guess=not options["no_guess"],
            history=False,  # remembered when all else is shown and written
            progress=progress,
            **passed,
        )


def _quantiles(texts: tuple[str, ...]) -> dict[float, str]:
    """Level -> name of every ``--quantile``."""
    from trueup.audit.asked import level_and_name, names_of
    from trueup.core.errors import UsageError

    pairs = [level_and_name(text) for text in names_of(texts)]
    if len(dict(pairs)) < len(pairs):
        raise UsageError("--quantile", "a level was given twice", do="Name each level once")
    return dict(pairs)


@contextlib.contextmanager
def bar():
    """A progress bar on a terminal's error stream; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda done, rows: progress.update(task, completed=done, total=rows)


def show(found: Any) -> None:
    """Print the verdict in under 25 lines."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    roles = found.primary.plan.roles
    if roles.guessed:
        parts = {**roles.to_dict(), ("values" if roles.form else "probs"): _shortened(roles.said)}
        called = {"values": str(roles.form)}
        guessed = "; ".join(f"{called.get(n, n)} = {parts[n]}" for n in roles.guessed)
        console.print(Text(plain(f"Taken from the column names: {guessed}"), "dim"))
    console.print(Text(plain(found.verdict), "bold"))
    console.print(Text(plain(found.action)))
    console.print()
    for name, beside in found.primary.shown:
        console.print(Text(f"  {name:28}{found.measures[name]!s:34}{beside}".rstrip()))
    if found.findings:
        console.print()
    for finding in found.findings[:LISTED]:
        console.print(Text(plain(f"  {finding.severity:7} {finding.sentence}")))
    if len(found.findings) > LISTED:
        console.print(Text(f"  and {len(found.findings) - LISTED} more, in --out or --json"))
    rows = found.primary.cube.n
    console.print(Text(f"\n{rows:,} rows in {found.seconds:.1f} s", "dim"))


def _shortened(columns: tuple[str, ...]) -> str:
    if len(columns) <= 6:
        return ", ".join(columns)
    return f"{columns[0]}, {columns[1]} .. {columns[-1]} ({len(columns)} columns)"


def _write(found: Any, options: dict) -> list[str]:
    """Write what was asked for, and say where it is."""
    lines = []
    if options["json_out"]:
        found.save_json(options["json_out"])
    if options["save"]:
        found.remedy.save(options["save"])
        nothing = "" if found.primary.chosen else " (nothing was proven: it changes nothing)"
        lines.append(f"Remedy: {options['save']}{nothing}")
    if options["out"]:
        found.report(options["out"], interactive=options["interactive"])
        lines.append(f"Report: {options['out']}")
    if not options["no_history"]:
        from trueup.audit.history import remember, usual_place

        place = usual_place()
        if place is not None:
            remember(found, place)
    return lines


def parse_gate(text: str) -> tuple[str, str, float]:
    """``"log_loss > 0.5"`` as name, sign and limit."""
    from trueup.audit.judge import MEASURES
    from trueup.core.errors import UsageError

    names = [measure.name for measure in MEASURES]
    match = re.fullmatch(r"\s*(\w+)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)\s*", text)
    with contextlib.suppress(ValueError, AttributeError):
        name, sign, limit = match.groups()  # type: ignore[union-attr]
        if name in names or re.fullmatch(NUMBERS, name):
            return name, sign, float(limit)
    raise UsageError(
        "--fail-if", f"cannot read {text!r}", do=f"Write NAME>NUMBER with NAME of {names}"
    )


def holds(gate: tuple[str, str, float], measures: dict) -> bool:
    """Whether a gate is broken; a measure that this table does not have is an error."""
    from trueup.core.errors import EvidenceError, UsageError

    name, sign, limit = gate
    if name not in measures:
        raise UsageError("--fail-if", f"this table has no {name}", do="Name another measure")
    value = measures[name].value
    if value != value:  # a gate that cannot be judged has not been passed
        raise EvidenceError("--fail-if", f"{name} is not known here", do="Name another measure")
    return {">": value > limit, "<": value < limit, ">=": value >= limit, "<=": value <= limit}[
        sign
    ]
