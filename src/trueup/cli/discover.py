"""``trueup discover``: what a simulator is missing, and the simulator corrected."""

from __future__ import annotations

from typing import Any

import click

from trueup.cli import plain


LEFT_OUT = 6
"""Terms that were left out and are named."""


@click.command(name="discover")
@click.argument("step")
@click.argument("observations")
@click.option("--out", default="", help="Folder for the corrected simulator and the report.")
@click.option("--json", "json_out", default="", help="Write the numbers to this JSON file.")
@click.option(
    "--noise",
    default="0",
    show_default=True,
    help="Noise of the observations, as a share of their spread; 'auto' estimates it.",
)
@click.option("--dt", type=float, help="Time between states, where the file does not say it.")
@click.option("--length", type=int, help="Intervals of a window. [2; as long as noise asks for]")
@click.option(
    "--every", type=int, help="States from one window to the next. [--length; more of large fields]"
)
@click.option(
    "--hold-out",
    default=0.3,
    show_default=True,
    help="Share of the observations, the latest, that only the proof sees.",
)
@click.option("--lead", type=int, help="Intervals that the forecasts of the proof go ahead.")
@click.option("--variable", multiple=True, help="Variable or column of the state; may repeat.")
@click.option("--time", default="time", show_default=True, help="Dimension or column of time.")
@click.option("--components", default="", help="Names of the components: x,y,z.")
@click.option("--spacing", default="", help="Distance of the points of a field: 0.1, or 0.1,0.2.")
@click.option("--periodic/--not-periodic", default=None, help="Whether the ends of a field meet.")
@click.option("--edge", type=int, help="Field: points left out at ends that do not meet.")
@click.option("--powers", type=int, help="Field: highest power in a term.")
@click.option("--orders", type=int, help="Field: highest derivative in a term.")
@click.option("--degree", type=int, help="Highest degree of products of components. [3; of many 2]")
@click.option("--terms", "only", multiple=True, help="Try this term alone, as 'u u_x'; may repeat.")
@click.option("--without", multiple=True, help="Do not try this term; may repeat.")
@click.option("--doubtful", is_flag=True, help="Put doubtful terms into the correction as well.")
@click.option("--level", default=0.95, show_default=True, help="Level of the intervals.")
@click.option("--seed", default=0, show_default=True, help="Seed of the resamples.")
def command(step: str, observations: str, **options: Any) -> None:
    """Find what STEP is missing in OBSERVATIONS, correct it, and prove it on later ones.

    STEP is module:function in the working folder, such as mymodel:step, called as step(state, dt);
    or module:object with such a method. OBSERVATIONS is a file .nc, .npz, .npy, .csv or .parquet.
    """  # fmt: skip
    with waiting():
        found = _found(step, observations, options)
    _show(found)
    if options["json_out"]:
        found.save_json(options["json_out"])
    if options["out"]:
        notes = found.save(options["out"])
        click.echo(plain(f"Written: {options['out']}"))
        for note in notes:
            click.echo(plain(note))


def waiting() -> Any:
    """A moving mark on a terminal's error stream: most of the time is the model's own."""
    from rich.console import Console

    return Console(stderr=True).status("Trying terms, each through steps of the model")


def _found(step: str, observations: str, options: dict) -> Any:
    from pathlib import Path

    from trueup.adapters.observations import read_observations
    from trueup.audit.simulators.asked import Cut, Tried
    from trueup.audit.simulators.found import search
    from trueup.audit.simulators.named import blamed, named_step
    from trueup.audit.whole import place_for
    from trueup.core.errors import UsageError

    if options["json_out"]:
        place_for("--json", options["json_out"])
    if options["out"] and Path(options["out"]).is_file():
        raise UsageError("--out", f"{options['out']} is a file", do="Name a folder")
    noise = None if options["noise"] == "auto" else _numbers("--noise", options["noise"])[0]
    cut = Cut(*(options[name] for name in ("dt", "length", "every", "hold_out", "lead")))
    tried = Tried(
        *(options[name] for name in ("powers", "orders", "degree", "only", "without")),
        components=_split(options["components"]),
        spacing=_numbers("--spacing", options["spacing"]),
        periodic=options["periodic"],
        edge=options["edge"],
        noisy=noise != 0,
    )
    model = named_step(step)
    seen = read_observations(observations, variables=options["variable"], time=options["time"])
    names = (step, Path(observations).name)
    with blamed(model, step):
        return search(model, seen, cut=cut, tried=tried, names=names, noise=noise,
                      level=options["level"], seed=options["seed"],
                      doubtful=options["doubtful"])  # fmt: skip


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()


def _numbers(who: str, text: str) -> tuple[float, ...]:
    from trueup.core.errors import UsageError

    try:
        return tuple(float(part) for part in _split(text))
    except ValueError as error:
        raise UsageError(who, f"cannot read '{text}'", do="Write numbers: 0.1,0.2") from error


def _show(found: Any) -> None:
    """Print what was found, what was not, and what it is worth."""
    from rich.console import Console
    from rich.text import Text

    from trueup.audit.simulators.words import facts, terms_table, verdict

    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(plain(verdict(found)), "bold"))
    for line in terms_table(found):
        console.print(Text(plain(line)))
    console.print()
    for name, text in facts(found, named=LEFT_OUT):
        console.print(Text(plain(f"  {name:12}{text}")))
