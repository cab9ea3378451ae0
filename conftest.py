"""Tests remember no audit; examples in Markdown pages run in an empty folder of their own."""

from __future__ import annotations

import os

import pytest


def pytest_configure() -> None:
    """Audits of tests must not land in the history of the repository."""
    os.environ["TRUEUP_HISTORY"] = "off"


@pytest.fixture(autouse=True)
def page_in_its_own_folder(request, tmp_path_factory, monkeypatch):
    """A page may write files; they must not land in the repository."""
    if request.node.path.suffix == ".md":
        monkeypatch.chdir(tmp_path_factory.mktemp("page"))
        monkeypatch.delenv("TRUEUP_HISTORY")
