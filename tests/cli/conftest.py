"""Commands run as for a user, whose audits are remembered in the folder of the test."""

from __future__ import annotations

import pytest

from cli.shell import class_frame, event_frame, quick


@pytest.fixture(autouse=True)
def remembered(monkeypatch):
    """Commands of these tests run in folders of their own."""
    monkeypatch.delenv("TRUEUP_HISTORY")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Remedies of an event and of three classes, saved from the shell."""
    place = tmp_path_factory.mktemp("remedies")
    event_frame().to_parquet(place / "event.parquet")
    class_frame().to_parquet(place / "classes.parquet")
    for name, words in (("event", ()), ("classes", ("--truth", "animal"))):
        done = quick(place, "audit", f"{name}.parquet", *words, "--save", f"{name}-remedy",
                     "--no-history")  # fmt: skip
        assert done.code == 0, done.err
    return place
