"""``trueup kin``: whether two models share a start, before anyone merges them."""

from __future__ import annotations

from typing import Any

import click

from trueup.cli import plain


SHOWN = 12
"""Tensors in the table where not all are asked for."""


@click.command(name="kin")
@click.argument("a")
@click.argument("b")
@click.option("--base", default="", help="What both may have been fine-tuned from.")
@click.option("--all", "everything", is_flag=True, help="Show every tensor.")
@click.option("--json", "json_out", default="", help="Write the numbers to this JSON file.")
def command(a: str, b: str, base: str, everything: bool, json_out: str) -> None:
    """Say whether the weights A and B share a start, are permuted copies, or are unrelated.

    Weights are safetensors (a file, an index, a folder), torch checkpoints, ONNX or .npz. Tied
    tensors, NaN, and tensors that only one of them has are named.

    \b
    trueup kin a.safetensors b.safetensors
    trueup kin a.pt b.pt --base start.pt --json kin.json
    """
    import json

    from trueup.audit.whole import place_for, write_whole
    from trueup.parameters import kin

    if json_out:
        place_for("--json", json_out)
    with waiting("Reading both models"):
        found = kin(a, b, base=base or None)
    for line in _lines(found):
        click.echo(plain(line))
    if found.tensors:
        _table(found, len(found.tensors) if everything else SHOWN)
    if json_out:
        write_whole(json_out, json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")


def waiting(text: str) -> Any:
    """A moving mark on a terminal's error stream."""
    from rich.console import Console

    return Console(stderr=True).status(text)


def _lines(found: Any) -> list[str]:
    lines = [f"{found.verdict.capitalize()}. {found.verdict.sentence}"]
    if found.tensors:
        lines.append(f"Cosine {found.cosine:.4f}, relative distance {found.distance:.4g}.")
    if found.signs == found.signs:  # NaN without a base
        lines.append(
            f"Of what they learned from the base: cosine {found.delta_cosine:.4f}, "
            f"{found.signs:.1%} of the numbers moved in one direction (chance: 50%)."
        )
    return [*lines, *(f"Note: {note}" for note in found.notes)]


def _table(found: Any, shown: int) -> None:
    """The tensors, those that are least alike first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("tensor", "shape", "cosine", "z", "distance", "verdict"):
        table.add_column(heading, justify="left" if heading in ("tensor", "verdict") else "right")
    order = sorted(found.tensors, key=lambda t: (t.cosine != t.cosine, t.cosine))
    for t in order[:shown]:
        said = "same neurons in another order" if t.reordered else str(t.kinship)
        cells = (t.name, "x".join(map(str, t.shape)), f"{t.cosine:.4f}", f"{t.z:.1f}",
                 f"{t.distance:.4g}", said)  # fmt: skip
        table.add_row(*(Text(plain(cell)) for cell in cells))
    click.echo("")
    Console(highlight=False).print(table)
    if len(order) > shown:
        click.echo(f"... and {len(order) - shown} more; --all shows them.")
