"""``trueup history``: what earlier audits found."""

from __future__ import annotations

import click

from trueup.cli import plain


RIGHT = ("rows", "score", "off by")
SCORES = ("log_loss", "crps", "wis", "interval_score", "mae")
OFF = ("calibration_error_debiased", "coverage_90")


@click.command(name="history")
@click.option("--last", default=20, show_default=True, help="How many audits.")
def command(last: int) -> None:
    """List the audits remembered in .trueup/history.duckdb (or $TRUEUP_HISTORY), oldest first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from trueup.audit.history import recall, usual_place

    rows = recall(usual_place(), last=last)
    if not rows:
        click.echo("No audit is remembered here.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("when", "table", "model", "rows", "score", "off by", "remedy"):
        side = "right" if heading in RIGHT else "left"
        table.add_column(heading, justify=side, no_wrap=heading != "remedy", overflow="fold")
    for row in rows:
        loss, off = _score(row["measures"]), _off(row["measures"])
        what = (row["created"], plain(row["title"]), plain(row["model"]))
        table.add_row(*map(Text, (*what, f"{row['rows']:,}", loss, off, row["chosen"])))
    Console(highlight=False).print(table)


def _score(measures: dict) -> str:
    """What the model was ranked by, with its name."""
    name = next(name for name in SCORES if name in measures)
    return f"{_number(measures[name]['value'])} {name.replace('_', ' ')}"


def _off(measures: dict) -> str:
    """How far confidence is off, or how many truths 90% intervals missed too many or held."""
    name = next((name for name in OFF if name in measures), "")
    if not name:
        return ""
    value = measures[name]["value"]
    return _number(value if name == OFF[0] or value is None else abs(value - 0.9))


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
