"""``trueup methods``: the catalogue, read from the cards."""

from __future__ import annotations

import click


@click.command(name="methods")
@click.option("--question", default="", help="calibration, variance, error, forecast, parameters.")
@click.option("--search", "words", default="", help="Plain words: 'overconfident under shift'.")
def command(question: str, words: str) -> None:
    """List what the library can do."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from trueup.core.cards import QUESTIONS, all_cards, search
    from trueup.core.errors import UsageError

    if question and question not in QUESTIONS:
        raise UsageError(
            "--question", f"there is no question {question!r}", do=f"Use {', '.join(QUESTIONS)}"
        )
    cards = [c for c in all_cards() if not question or question in (c.question, *c.also)]
    cards = search(cards, words) if words else cards
    if not cards:
        click.echo("No method found.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("method", "question", "what it does", "not for"):
        table.add_column(heading)
    for card in cards:
        cells = (", ".join(card.public), card.question, card.summary, card.not_for)
        table.add_row(*map(Text, cells))
    Console(highlight=False).print(table)
