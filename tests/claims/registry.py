"""Words of claims, and the test that measures each."""

from __future__ import annotations

from collections.abc import Callable

from trueup.core.cards import Card


CLAIMS: dict[str, Callable[[Card], None]] = {}


def claim(words: str):
    """Register a test under the words that cards use."""

    def register(test: Callable[[Card], None]):
        CLAIMS[words] = test
        return test

    return register
