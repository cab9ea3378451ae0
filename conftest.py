"""Examples in Markdown pages run in an empty folder of their own, away from the repository."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def page_in_its_own_folder(request, tmp_path_factory, monkeypatch):
    """A page may write files; they must not land in the repository."""
    if request.node.path.suffix == ".md":
        monkeypatch.chdir(tmp_path_factory.mktemp("page"))
