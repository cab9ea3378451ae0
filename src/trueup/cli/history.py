"""``trueup history``: what earlier audits found."""

from __future__ import annotations

import click


RIGHT = ("rows", "log loss", "off by")


@click.command(name="history")
@click.option("--last", default=20, show_default=True, help="How many audits.")
def command(last: int) -> None:
    """List the audits remembered in .trueup/history.duckdb, oldest first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from trueup.audit.history import recall

    rows = recall(last=last)
    if not rows:
        click.echo("No audit is remembered here.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("when", "table", "model", "rows", "log loss", "off by", "remedy"):
        table.add_column(heading, justify="right" if heading in RIGHT else "left")
    for row in rows:
        measures = row["measures"]
        off = measures["calibration_error_debiased"]["value"]
        loss, rows_ = f"{measures['log_loss']['value']:.4f}", f"{row['rows']:,}"
        what = (row["created"], row["title"], row["model"])
        table.add_row(*map(Text, (*what, rows_, loss, f"{off:.4f}", row["chosen"])))
    Console(highlight=False).print(table)
