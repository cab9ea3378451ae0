"""Cards: what a method says of itself, read from the source without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from trueup.core.errors import TrueupError


GENERAL = {"calibration", "scal", "binn", "error", "test"}
"""Stems that say nothing of a method when they stand in its name."""
QUESTIONS = ("calibration", "variance", "error", "forecast", "parameters")


@dataclass(frozen=True)
class Card:
    """The literal at the top of every method file.

    Attributes
    ----------
    name
        Name of the method, the paper's where it has one.
    question, family
        The room it lives in.
    summary
        What it does, in one plain line.
    paper
        Source of the formula.
    axes
        Its row over the axes of the question.
    mission
        Numbers of the published systems that it serves.
    claims
        What is tested statistically, in the words of ``tests/claims``.
    not_for
        When to use something else.
    cost
        How the time grows.
    status
        ``"core"``, or ``"emerging"`` until an independent oracle passes.
    also
        Other questions that it answers.
    exports
        Public names of the file; empty means the name of the card.
    needs
        Optional packages.
    excused
        Contract check -> reason why it does not apply.
    module
        Dotted module, filled in by the reader.
    """

    name: str
    question: str
    family: str
    summary: str
    paper: str
    axes: dict[str, str] = field(default_factory=dict)
    mission: tuple[int, ...] = ()
    claims: tuple[str, ...] = ()
    not_for: str = ""
    cost: str = ""
    status: str = "core"
    also: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    excused: dict[str, str] = field(default_factory=dict)
    module: str = ""

    def __post_init__(self) -> None:
        if self.question not in QUESTIONS or self.status not in ("core", "emerging"):
            raise TrueupError(
                f"Card {self.name}",
                f"question is '{self.question}', status '{self.status}'",
                do=f"Use one of {', '.join(QUESTIONS)} and core or emerging",
            )

    @property
    def public(self) -> tuple[str, ...]:
        """Public names of the file."""
        return self.exports or (self.name,)

    @property
    def text(self) -> str:
        """Everything that a search reads."""
        axes = " ".join(f"{k} {v}" for k, v in self.axes.items())
        parts = (self.name, self.summary, self.family, self.question, axes, *self.claims)
        return " ".join((_words_apart(self.name), *parts, self.paper))


def read_cards(root: Path | None = None) -> list[Card]:
    """Every card under ``root`` (the package by default), in the order of their files.

    Cards hold literals only, so the files are parsed, not run: listing the library imports none of
    it.
    """
    root = root or Path(__file__).parents[1]
    return [card for path in sorted(root.rglob("*.py")) for card in _cards_of(path, root)]


@cache
def all_cards() -> tuple[Card, ...]:
    """The cards of the package, read once."""
    return tuple(read_cards())


def _cards_of(path: Path, root: Path) -> Iterator[Card]:
    text = path.read_text(encoding="utf-8")
    if "\nCARD = Card(" not in text:
        return
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CARD":
            call = node.value
            assert isinstance(call, ast.Call)
            values = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
            dotted = ".".join((root.name, *path.relative_to(root).with_suffix("").parts))
            yield Card(**values, module=dotted)


def search(cards: Sequence[Card], words: str) -> list[Card]:
    """Cards that answer ``words``, best first: rare words weigh more, whole names most.

    Examples
    --------
    >>> search(read_cards(), "overconfident")[0].question
    'calibration'
    """
    texts = [_stems(card.text) for card in cards]
    wanted = set(_stems(words))
    weight = {word: 1 / (1 + sum(word in text for text in texts)) for word in wanted}
    avoid = [set(_stems(card.not_for)) for card in cards]
    names = [set(_stems(_words_apart(card.name))) - GENERAL for card in cards]
    phrase = " ".join(_stems(words))
    phrased = [" " in phrase and phrase in " ".join(text) for text in texts]

    def score(i: int) -> float:
        times = {word: min(texts[i].count(word), 4) for word in wanted}
        # Every word that is there counts far more than a word that is there often.
        found = sum(weight[word] * (1 + 0.05 * n) for word, n in times.items() if n)
        named = sum(weight[word] for word in wanted & names[i]) / max(len(names[i]), 1)
        found *= 1.2 if phrased[i] else 1.0  # in this order, next to each other
        return found + 0.3 * named - 0.3 * sum(weight[w] for w in wanted & avoid[i])

    ranked = sorted(range(len(cards)), key=lambda i: (-score(i), cards[i].name))
    return [cards[i] for i in ranked if score(i) > 0]


def _words_apart(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)


def _stems(text: str) -> list[str]:
    """Lower-case words without hyphens and common endings, so that close forms meet."""
    words = re.findall(r"[a-z0-9]+", text.lower().replace("-", ""))
    return [re.sub(r"(ies|ing|ed|ence|ent|es|s)$", "", word) for word in words if len(word) > 1]
