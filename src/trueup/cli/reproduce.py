"""``trueup reproduce``: published claims, measured again."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(name="reproduce")
@click.argument("missions", type=int, nargs=-1, metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="Run every script.")
@click.option("--jobs", default=2, show_default=True, help="Seeds that run at once.")
@click.option("--tiny", is_flag=True, help="Only see whether it runs; the ledger stays as it is.")
def command(missions: tuple[int, ...], everything: bool, jobs: int, tiny: bool) -> None:
    """Run the reproductions of published systems, by their numbers.

    Without a number it lists them and what the ledger says.
    """
    scripts = _scripts()
    if not missions and not everything:
        _list(scripts)
        return
    for script in scripts if everything else _chosen(scripts, missions):
        _run(script, jobs=jobs, tiny=tiny)


def _scripts() -> list:
    """All scripts; they live in the repository, which an installed wheel does not bring along."""
    from trueup.core.errors import UsageError

    for root in (Path(__file__).parents[3], Path.cwd()):
        if (root / "reproductions" / "ledger.py").exists():
            # Processes that run a seed look along this path, too.
            sys.path[:0] = [] if str(root) in sys.path else [str(root)]
            from reproductions.ledger import read_scripts

            return read_scripts()
    raise UsageError(
        "reproduce",
        "the folder 'reproductions' is neither beside the package nor here",
        why="the scripts live in trueup's repository and are not installed",
        do="Clone the repository, run `make reproduce` there, or this command from its root",
    )


def _chosen(scripts: list, missions: tuple[int, ...]) -> list:
    from trueup.core.errors import UsageError

    unknown = sorted(set(missions) - {script.mission for script in scripts})
    if unknown:
        known = ", ".join(str(script.mission) for script in scripts)
        raise UsageError("reproduce", f"there is no script for {unknown}", do=f"Use {known}")
    return [script for script in scripts if script.mission in missions]


def _list(scripts: list) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from reproductions.ledger import read_ledger
    from reproductions.page import status

    rows = read_ledger()
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "system", "question", "claims"):
        table.add_column(heading)
    for script in scripts:
        key = (script.mission, script.system)
        said = status([row for row in rows if (row["mission"], row["system"]) == key])
        table.add_row(*map(Text, (str(script.mission), script.system, script.question, said)))
    Console(highlight=False).print(table)


def _run(script, *, jobs: int, tiny: bool) -> None:
    from reproductions.ledger import record
    from reproductions.page import number, write_results
    from reproductions.running import run_script

    click.echo(f"{script.mission} {script.system}")
    if script.missing():
        click.echo(f"  skipped: {script.missing()} is not here")
        return
    rows = run_script(script, jobs=jobs, **({"scale": "tiny", "seeds": 2} if tiny else {}))
    for row in rows:
        fault = f" {row['measured']['how']}" if row["measured"]["low"] is None else ""
        click.echo(f"  {row['holds']}: {row['claim']}: {number(row['measured'])}{fault}")
    click.echo(f"  {rows[0]['seconds']} s")
    if not tiny:
        record(rows)
        write_results()
