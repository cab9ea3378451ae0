"""``trueup compress``: a checkpoint in fewer bytes, and what that did to its layers."""

from __future__ import annotations

from typing import Any

import click

from trueup.cli import plain


WORST = 3
"""Layers that are named, those that err most."""


@click.command(name="compress")
@click.argument("weights")
@click.option("--out", required=True, help="File to write, .safetensors.")
@click.option("--bits", type=click.IntRange(1, 8), help="Keep matrices as codes of so many bits.")
@click.option("--prune", type=float, help="Share of the weights that become 0.")
@click.option(
    "--criterion",
    type=click.Choice(["magnitude", "wanda", "sparsegpt"]),
    default="magnitude",
    show_default=True,
    help="What a weight is worth; all but magnitude need --calibration.",
)
@click.option(
    "--rounding",
    type=click.Choice(["nearest", "gptq", "adaquant"]),
    default="nearest",
    show_default=True,
    help="How --bits rounds; all but nearest need --calibration.",
)
@click.option("--group", type=click.IntRange(0), default=0, help="Columns of a scale. [a row]")
@click.option(
    "--pattern",
    default="layer",
    show_default=True,
    help="Which weights compete: layer, row, model, channels, or n:m as 2:4.",
)
@click.option(
    "--compensate",
    type=click.Choice(["eora", "svd"]),
    help="Add thin factors that make good what the outputs lost.",
)
@click.option("--rank", default=32, show_default=True, help="Rank of the factors.")
@click.option("--calibration", default="", help="Inputs to look at, .npz or .npy; no labels.")
@click.option("--arch", default="", help="module:function that makes the torch module.")
@click.option("--only", multiple=True, help="Layer or pattern such as 'encoder.*'; may repeat.")
@click.option("--decompress", is_flag=True, help="Write plain weights of a compressed file.")
def command(weights: str, out: str, **options: Any) -> None:
    """Write WEIGHTS in fewer bytes.

    WEIGHTS is a file .safetensors, .pt, .npz or .onnx, an index of shards, or a folder of these.
    What is written reads like any other checkpoint here; --decompress makes one for others.

    \b
    trueup compress M.safetensors --bits 3 --out small.safetensors
    trueup compress M.safetensors --bits 3 --rounding gptq --calibration X.npz \\
        --arch net:build --out small.safetensors
    trueup compress M.safetensors --prune 0.5 --criterion wanda --calibration X.npz \\
        --arch net:build --out small.safetensors
    trueup compress small.safetensors --decompress --out plain.safetensors
    """
    from trueup.parameters.compressing import Asked, compress, decompress

    if options.pop("decompress"):
        done = decompress(weights, out)
    else:
        done = compress(weights, out, Asked(**options))
    for line in lines_of(done, out):
        click.echo(plain(line))


def lines_of(done: Any, out: str) -> list[str]:
    """What was written, and what it is worth."""
    share = done.after / done.before
    lines = [
        f"{done.source}: {_size(done.before)} -> {_size(done.after)} ({share:.1%}), "
        f"{done.matrices} of {done.tensors} tensors packed"
    ]
    lines += [f"  {note}" for note in done.notes]
    if done.errors:
        worst = sorted(done.errors, key=lambda name: -done.errors[name])[:WORST]
        middle = sorted(done.errors.values())[len(done.errors) // 2]
        named = ", ".join(f"{name} {done.errors[name]:.3g}" for name in worst)
        lines.append(f"  squared error of {done.measured}: middle {middle:.3g}; worst {named}")
    lines.append(f"Written: {out}")
    if done.errors:
        lines.append(
            "A small error of layers is no proof. On rows that nothing here saw: "
            f"trueup prove {done.source} {out} --arch MODULE:FUNCTION --data TEST.npz"
        )
    return lines


def _size(count: int) -> str:
    return f"{count:,} bytes" if count < 1e5 else f"{count / 1e6:,.2f} MB"
