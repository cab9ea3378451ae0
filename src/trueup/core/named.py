"""Measures by their names, which are on the cards."""

from __future__ import annotations

import importlib
from difflib import SequenceMatcher
from typing import Any

from trueup.core.cards import all_cards
from trueup.core.errors import UsageError


USUAL_SCORE = {
    "probabilities": "log_loss",
    "points": "mae",
    "normal": "crps",
    "ensemble": "crps",
    "quantiles": "wis",
    "intervals": "interval_score",
}

MEASURING = ("measures", "points", "scores", "dispersion", "conformal")
"""Families whose methods measure."""


def named(who: str, name: str, kind: type) -> Any:
    """The public object called ``name``, if it is of ``kind``."""
    for card in all_cards():
        if name in card.public:
            found = getattr(importlib.import_module(card.module), name)
            if isinstance(found, kind):
                return found
    names = [n for c in all_cards() if c.family in MEASURING for n in c.public if n.islower()]
    raise UsageError(who, f"there is no measure '{name}'", do=f"Use {nearest(name, names)}")


def nearest(name: str, names: list[str]) -> str:
    """The few of ``names`` that look most like ``name``, and where all are listed."""
    alike = sorted(names, key=lambda n: -SequenceMatcher(None, name.lower(), n.lower()).ratio())
    return f"{', '.join(alike[:5])} or another of `trueup methods`"
