"""``trueup history``: what earlier audits found."""

from __future__ import annotations

import click

from trueup.cli import plain


RIGHT = ("rows", "log loss", "off by")


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
    for heading in ("when", "table", "model", "rows", "log loss", "off by", "remedy"):
        side = "right" if heading in RIGHT else "left"
        table.add_column(heading, justify=side, no_wrap=heading != "remedy", overflow="fold")
    for row in rows:
        loss, off = (_value(row, name) for name in ("log_loss", "calibration_error_debiased"))
        what = (row["created"], plain(row["title"]), plain(row["model"]))
        table.add_row(*map(Text, (*what, f"{row['rows']:,}", loss, off, row["chosen"])))
    Console(highlight=False).print(table)


def _value(row: dict, name: str) -> str:
    value = row["measures"][name]["value"]
    return "unknown" if value is None else f"{value:.4f}"
