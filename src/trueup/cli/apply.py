"""``trueup apply``: correct new predictions with a saved remedy."""

from __future__ import annotations

import click

from trueup.cli import plain


@click.command(name="apply")
@click.argument("remedy", type=click.Path(exists=True, file_okay=False))
@click.argument("table")
@click.option("--out", required=True, help="File to write: .parquet, .csv or .tsv.")
@click.option("--threads", default=2, show_default=True, help="Threads.")
def command(remedy: str, table: str, out: str, threads: int) -> None:
    """Correct TABLE with the folder REMEDY of --save (`trueup audit`, `correct`)."""
    from trueup.audit.apply import apply_file
    from trueup.audit.restore import load_remedy

    stored = load_remedy(remedy)
    done = apply_file(stored, table, out, threads=threads)
    click.echo(plain(f"{stored.fitted.method} applied to {done.rows:,} rows: {out}"))
    if done.unseen:
        sets = stored.gives.kind == "sets"
        got = "got every class" if sets else "took the pooled map"
        click.echo(plain(f"{done.unseen:,} rows of groups never seen {got}"))
