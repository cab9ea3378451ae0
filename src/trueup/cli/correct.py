"""``trueup correct``: any correction, learned on half of a table and judged on the rest."""

from __future__ import annotations

import ast
from typing import Any

import click

from trueup.cli import plain
from trueup.cli.audit import _quantiles
from trueup.cli.audit import command as audit_command


SHARED = (
    "truth", "prob", "probs", "mean", "sd", "quantile", "members", "low", "high", "nominal",
    "point", "time", "cluster", "weight", "key", "no_guess", "positive", "classes", "normalize",
    "drop_bad", "level", "threads",
)  # fmt: skip
"""Options that mean the same as of ``audit``."""


@click.command(name="correct")
@click.argument("table")
@click.option("--method", required=True, help="Name of a correction, as in `trueup methods`.")
@click.option("--set", "settings", multiple=True, help="NAME=VALUE of a setting; may repeat.")
@click.option("--by", multiple=True, help="Column of groups that the method reads; may repeat.")
@click.option("--save", default="", help="Write the correction into this folder.")
def command(table: str, method: str, settings: tuple[str, ...], save: str, **options: Any) -> None:
    """Learn a correction from half of TABLE, judge it on the other half, and save it.

    For corrections that `trueup audit` does not try by itself: sets and intervals with a guarantee,
    or a method of your choice. `trueup apply` and `trueup export` take the folder of --save.

    \b
    trueup correct T.parquet --method ConformalSets --set level=0.9 --save remedy
    trueup apply remedy NEW.parquet --out sets.parquet
    """
    from pathlib import Path

    from trueup.audit.asked import names_of
    from trueup.audit.learned import learn
    from trueup.core.errors import UsageError

    if save and Path(save).is_file():
        raise UsageError("--save", f"{save} is a file", do="Name a folder")
    split = {name: names_of([options.pop(name)]) for name in ("probs", "classes")}
    made = learn(
        table,
        method=method,
        settings=dict(map(read_setting, settings)),
        quantiles=_quantiles(options.pop("quantile")),
        members=names_of(options.pop("members")),
        guess=not options.pop("no_guess"),
        **split,
        **options,
    )
    for line in lines_of(made):
        click.echo(plain(line))
    if save:
        click.echo(plain(f"Remedy: {made.remedy.save(save)}"))


command.params += [p for p in audit_command.params if p.name in SHARED]


def read_setting(text: str) -> tuple[str, Any]:
    """``"level=0.9"`` as a name and a value: a number, true, false, none, a list, or words.

    Examples
    --------
    >>> read_setting("levels=0.1,0.9"), read_setting("per=region")
    (('levels', (0.1, 0.9)), ('per', 'region'))
    """
    from trueup.core.errors import UsageError

    name, sign, value = text.partition("=")
    if not (name and sign):
        raise UsageError("--set", f"cannot read {text!r}", do="Write NAME=VALUE, as level=0.9")
    words = {"true": True, "false": False, "none": None}
    if value.lower() in words:
        return name, words[value.lower()]
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
    return name, found if isinstance(found, int | float | tuple) else value


def lines_of(made: Any) -> list[str]:
    """What was learned and found, in under 15 lines."""
    remedy = made.remedy
    lines = []
    if made.guessed:
        said = "; ".join(f"{role} = {names}" for role, names in made.guessed.items())
        lines.append(f"Taken from the column names: {said}")
    lines += [
        f"{remedy.fitted.method}: {remedy.takes} into {remedy.gives}, learned on "
        f"{made.learned_on:,} rows, judged on {made.judged_on:,} rows that it never saw",
        "",
    ]
    lines += [f"  {name:28}{found}" for name, found in made.found.items()]
    if made.proof is not None:
        score, change = made.proof.score, made.proof.difference
        lines.append(f"  {'change of ' + score:28}{change}: {made.proof.outcome.sentence}")
    if made.promised is not None:
        lines += ["", _promise(made)]
    if made.every > 1:
        lines.append(f"One row in {made.every} was read.")
    return lines


def _promise(made: Any) -> str:
    asked = f"Asked: truths inside with share {made.promised:g} or more."
    if made.short:
        return (
            f"{asked} Fewer are, by more than chance: the rows that judged are unlike those that "
            "learned. Ask for groups (--set per=COLUMN), or learn from later rows."
        )
    return f"{asked} What was found agrees, for rows like these."
