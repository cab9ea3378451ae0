"""``trueup merge``: models of one shape become one, written as safetensors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from trueup.cli import plain


@click.command(name="merge")
@click.argument("models", nargs=-1, required=True, metavar="MODEL MODEL...")
@click.option("--out", required=True, help="File .safetensors to write; a folder with --shard.")
@click.option("--method", default="Average", show_default=True, help="Name of a method.")
@click.option("--base", default="", help="What the models were fine-tuned from.")
@click.option("--shares", default="", help="How much each model counts: 2,1. [equally]")
@click.option("--set", "settings", multiple=True, help="NAME=VALUE of a setting; may repeat.")
@click.option("--arch", default="", help="module:function, for methods that run the models.")
@click.option("--calibration", default="", help="Inputs for these, .npz or .npy; no labels.")
@click.option("--seed", default=0, show_default=True, help="Seed of random choices.")
@click.option("--shard", default="", help="Write files of about this size: 500MB, 2GB.")
@click.option("--json", "json_out", default="", help="Write what was done to this JSON file.")
def command(models: tuple[str, ...], out: str, **options: Any) -> None:
    """Merge weights of one shape into one model, piece by piece.

    MODEL is safetensors (a file, an index, a folder), a torch checkpoint, ONNX or .npz. Names,
    shapes, numbers that are not finite, tokenizers and labels are looked at first; nothing is
    written where they forbid a merge. `trueup methods --question parameters` lists the methods.

    \b
    trueup merge a.safetensors b.safetensors --out merged.safetensors --shares 2,1
    trueup merge a.safetensors b.safetensors --out merged.safetensors --method pleas \\
        --arch net:build --calibration seen.npz
    """
    import json

    from trueup.audit.whole import place_for, write_whole
    from trueup.cli.kin import waiting
    from trueup.core.weights import save_weights
    from trueup.parameters import merge

    if options["json_out"]:
        place_for("--json", options["json_out"])
    method, shard = _method(options), size_of(options["shard"])
    _place(out, (*models, options["base"]), shard)
    with waiting("Looking at the models"):
        made = merge(
            models, base=options["base"] or None, method=method,
            shares=_shares(options["shares"]), seed=options["seed"],
        )  # fmt: skip
    for warning in made.warnings:
        click.echo(plain(f"Note: {warning}"))
    with progress("Merging") as told:
        files = save_weights(made, out, shard=shard, told=told)
    click.echo(plain(f"{len(models)} models merged by {method}: {len(made)} tensors, "
                     f"{made.count:,} numbers, {made.bytes / 1e6:,.1f} MB"))  # fmt: skip
    click.echo(plain(f"Written: {out}" + (f" ({len(files)} files)" if shard else "")))
    if options["json_out"]:
        done = {
            "method": repr(method), "models": list(models), "base": options["base"],
            "shares": made.stack.shares.tolist(), "seed": options["seed"], "tensors": len(made),
            "numbers": made.count, "bytes": made.bytes, "files": [str(file) for file in files],
            "warnings": list(made.warnings), "copied": list(made.checked.copied),
        }  # fmt: skip
        write_whole(options["json_out"], json.dumps(done, indent=1, allow_nan=False) + "\n")


def _method(options: dict[str, Any]) -> Any:
    from trueup.cli.correct import read_setting
    from trueup.parameters.compressing import read_inputs
    from trueup.parameters.merging.named import method_named

    given = {"arch": options["arch"]} if options["arch"] else {}
    if options["calibration"]:
        given["inputs"] = read_inputs(options["calibration"])
    return method_named(
        options["method"], {**given, **dict(map(read_setting, options["settings"]))}
    )


def _shares(text: str) -> tuple[float, ...]:
    from trueup.core.errors import UsageError

    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise UsageError(
            "--shares", f"cannot read '{text}'", do="Write a number a model: 2,1"
        ) from error


def _place(out: str, given: tuple[str, ...], shard: int) -> None:
    """Refuse a place that cannot be written, or that is one of the models."""
    from trueup.audit.whole import place_for
    from trueup.core.errors import UsageError

    path = Path(out)
    if shard and path.is_file():
        raise UsageError("--out", f"{out} is a file", do="Name a folder for the shards")
    if not shard:
        place_for("--out", out)
        if path.suffix != ".safetensors":
            raise UsageError("--out", f"the file is '{path.name}'", do="End it in .safetensors")
    for model in filter(None, given):
        if path.exists() and Path(model).exists() and path.samefile(model):
            raise UsageError("--out", f"{out} is one of the models", do="Write to another place")


SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def size_of(text: str) -> int:
    """Bytes of ``"2GB"``, ``"500 MB"``; 0 of nothing.

    Examples
    --------
    >>> size_of("2GB"), size_of("1.5 kB"), size_of("")
    (2000000000, 1500, 0)
    """
    from trueup.core.errors import UsageError

    if not text:
        return 0
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", text.lower())
    size = round(float(found[1]) * SIZES[found[2]]) if found else 0
    if not size:
        raise UsageError("--shard", f"cannot read '{text}'", do="Write a size: 500MB, 2GB")
    return size


def progress(text: str) -> Any:
    """A bar on a terminal's error stream; gives a function of bytes done and bytes of all."""
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    @contextmanager
    def bar() -> Any:
        console = Console(stderr=True)
        columns = (TextColumn(text), BarColumn(), DownloadColumn())
        hidden = not console.is_terminal
        with Progress(*columns, console=console, transient=True, disable=hidden) as shown:
            task = shown.add_task(text)
            yield lambda done, total: shown.update(task, completed=done, total=total)

    return bar()
