"""``trueup demo``: three classifiers of handwritten digits, three verdicts."""

from __future__ import annotations

import click


@click.command(name="demo")
@click.option("--out", default="demo", show_default=True, help="Folder of the reports.")
def command(out: str) -> None:
    """Audit three real classifiers and write their reports."""
    from pathlib import Path

    from rich.console import Console
    from rich.text import Text

    from trueup.audit.demo import digit_tables
    from trueup.audit.verbs import audit

    folder, console = Path(out), Console(highlight=False, soft_wrap=True)
    folder.mkdir(parents=True, exist_ok=True)
    console.print(Text("Handwritten digits, three classifiers, predicted out of fold.\n", "dim"))
    for name, table in digit_tables():
        probs = [column for column in table if column.startswith("p_")]
        title = name.replace("_", " ")
        found = audit(table, truth="digit", probs=probs, name=title, history=False)
        path = folder / f"{name}.html"
        console.print(Text(f"{name}: {found.advice.lower()}", "bold"))
        console.print(Text(f"  {found.verdict}\n  {found.action}"))
        try:
            found.report(path)
            console.print(Text(f"  Report: {path}\n"))
        except ValueError as error:
            console.print(Text(f"  No report: {error}\n"))
