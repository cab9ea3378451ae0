"""Checks that do not apply, as the cards say."""

from __future__ import annotations

import pytest

from trueup.core.cards import Card


def excused(card: Card, check: str, kind: str = "") -> None:
    """Skip a check that the card says does not apply, for all kinds or for this one."""
    for name in (check, f"{check}: {kind}"):
        if name in card.excused:
            pytest.skip(f"excused: {card.excused[name]}")
