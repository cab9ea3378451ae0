"""Commands run as for a user, whose audits are remembered in the folder of the test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def remembered(monkeypatch):
    """Commands of these tests run in folders of their own."""
    monkeypatch.delenv("TRUEUP_HISTORY")
