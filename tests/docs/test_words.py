"""Every argument of the public calls is explained in docs/words.md, under one name."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import trueup as tu
from trueup.core.cards import read_cards


WORDS = Path(__file__).resolve().parents[2] / "docs" / "words.md"


def public_calls():
    """(name, callable) of the verbs, the evidence and everything that cards name."""
    for name in ("audit", "audit_model", "measure", "correct", "prove", "Evidence"):
        yield name, getattr(tu, name)
    for card in read_cards():
        module = importlib.import_module(card.module)
        for name in card.public:
            found = getattr(module, name)
            yield name, found
            if inspect.isclass(found) and hasattr(found, "fit"):
                yield f"{name}.fit", found.fit


def test_every_argument_is_explained():
    rows = [line.split("|")[1] for line in WORDS.read_text("utf-8").splitlines() if "| `" in line]
    explained = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    asked: dict[str, str] = {}
    for call, found in public_calls():
        if not inspect.isclass(found) or found.__init__ is not object.__init__:
            asked |= {name: call for name in inspect.signature(found).parameters if name != "self"}
    missing = {name: call for name, call in asked.items() if name not in explained}
    assert not missing, f"explain these arguments in docs/words.md: {missing}"
