"""``trueup prove``: whether changed weights are better, or not worse, on held-out rows."""

from __future__ import annotations

from typing import Any

import click

from trueup.cli import plain


@click.command(name="prove")
@click.argument("before")
@click.argument("after")
@click.option("--arch", required=True, help="module:function that makes the torch module.")
@click.option("--data", required=True, help="Held-out rows: a file .npz with x and y.")
@click.option("--score", default="", help="log_loss, accuracy, brier, mae, ... [by the truth]")
@click.option("--margin", default=0.0, help="Loss of the score that the change is worth.")
@click.option("--level", default=0.95, show_default=True, help="Level of the intervals.")
@click.option("--out", default="", help="Write the report to this HTML file.")
@click.option("--json", "json_out", default="", help="Write the numbers to this JSON file.")
def command(before: str, after: str, out: str, json_out: str, **options: Any) -> None:
    """Compare the weights BEFORE and AFTER a change by what their network predicts.

    The file of --data holds the truth as y (classes, tokens that follow, or numbers), the inputs as
    x or under the names of the module's arguments, and cluster where rows depend on each other.
    --margin is set before you look: then "not worse by more than that" is an answer, too.

    \b
    trueup prove full.safetensors small.safetensors --arch net:build --data test.npz
    """
    from time import perf_counter

    from trueup.audit.proofs import Proven, lines
    from trueup.audit.whole import place_for
    from trueup.cli.kin import waiting
    from trueup.parameters import prove_weights, read_trial

    for who, path in (("--out", out), ("--json", json_out)):
        if path:
            place_for(who, path)
    data, arch = options.pop("data"), options.pop("arch")
    start = perf_counter()
    with waiting("Running both networks"):
        proof = prove_weights(before, after, on=read_trial(data, arch=arch), **options)
    made = Proven(proof, before, after, arch, data, round(perf_counter() - start, 1))
    # Files first: who reads the output may stop reading, as `head` does.
    if json_out:
        made.save_json(json_out)
    page = made.report(out) if out else None
    for line in lines(made):
        click.echo(plain(line))
    if page:
        click.echo(plain(f"Report: {page}"))
