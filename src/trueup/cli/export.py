"""``trueup export``: a saved remedy as SQL, ONNX, JSON or one Python file."""

from __future__ import annotations

import click

from trueup.cli import plain


FORMATS = ("sql", "onnx", "json", "python")
DIALECTS = ("duckdb", "postgres", "spark", "sqlite")


@click.command(name="export")
@click.argument("remedy", type=click.Path(exists=True, file_okay=False))
@click.option("--to", required=True, type=click.Choice(FORMATS), help="Format to write.")
@click.option("--out", default="", help="File to write. Text is printed where it is left out.")
@click.option("--table", default=None, help="SQL: name of the table. [default: predictions]")
@click.option("--dialect", type=click.Choice(DIALECTS), help="SQL: engine. [default: duckdb]")
@click.option("--float32", is_flag=True, help="ONNX: numbers of 32 bits instead of 64.")
def command(remedy: str, to: str, out: str, table: str, dialect: str, float32: bool) -> None:
    """Write the folder REMEDY of --save (`trueup audit`, `correct`) for another engine."""
    from trueup.audit.restore import load_remedy
    from trueup.core.errors import UsageError

    if to == "onnx" and not out:
        raise UsageError("export", "an ONNX graph is no text", do="Name a file with --out")
    options = {"table": table, "dialect": dialect}
    if float32:
        import numpy as np

        options["kind"] = np.float32
    stored = load_remedy(remedy)
    made = stored.export(to, out, **options)
    if not out:
        click.echo(made.content, nl=False)
    where = f": {out}" if out else ""
    click.echo(plain(f"{stored.fitted.method} as {to}{where}"), err=not out)
    click.echo(plain(str(made.checked)), err=not out)
