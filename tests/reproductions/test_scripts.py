"""The ledger is what the scripts say, and the scripts run: those that changed and one a day."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest

from reproductions.ledger import read_ledger, read_scripts
from reproductions.page import results
from reproductions.running import run_script
from trueup.core import Estimate


ROOT = Path(__file__).resolve().parents[2]
SCRIPTS, ROWS = read_scripts(), read_ledger()
KEYS = ["mission", "system", "claim", "measured", "holds", "seeds", "seconds", "command"]


def changed_files() -> set[str]:
    """Files that differ from the commit before the last; none where git cannot tell."""
    asked = (["diff", "--name-only", "HEAD~1"], ["ls-files", "-o", "--exclude-standard"])
    done = [
        subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        for words in asked
    ]
    return {line for each in done if each.returncode == 0 for line in each.stdout.splitlines()}


def few() -> list:
    """Scripts that changed, and one that changes by day."""
    changed, day = changed_files(), datetime.date.today().toordinal()
    return [
        script
        for place, script in enumerate(SCRIPTS)
        if place == day % len(SCRIPTS) or str(script.path.relative_to(ROOT)) in changed
    ]


@pytest.mark.parametrize("script", few(), ids=lambda script: script.path.stem)
def test_a_script_runs(script):
    if script.missing():
        pytest.skip(f"{script.missing()} is not here")
    rows = run_script(script, scale="tiny", seeds=2, jobs=2)
    for row in rows:
        assert row["measured"]["low"] is not None, row["measured"]["how"]
    assert rows[0]["seconds"] < 60


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.path.stem)
def test_the_ledger_has_a_row_for_every_claim(script):
    rows = [r for r in ROWS if (r["mission"], r["system"]) == (script.mission, script.system)]
    assert [row["claim"] for row in rows] == [claim.words for claim in script.claims]
    for row, claim in zip(rows, script.claims, strict=True):
        assert list(row) == KEYS
        measured = {k: float("nan") if v is None else v for k, v in row["measured"].items()}
        assert row["holds"] == script.judge(claim, Estimate(**measured))
        assert row["seeds"] == script.seeds
        assert row["command"] == f"trueup reproduce {script.mission}"
        assert row["seconds"] < 1200, "more than ten minutes on two cores"


def test_the_ledger_has_no_row_without_a_script():
    there = {(script.mission, script.system) for script in SCRIPTS}
    assert {(row["mission"], row["system"]) for row in ROWS} <= there
    assert len(there) == len(SCRIPTS)


def test_the_readable_page_follows_from_the_ledger():
    assert (ROOT / "reproductions" / "RESULTS.md").read_text("utf-8") == results()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.path.stem)
def test_a_script_lies_in_the_room_of_its_question(script):
    assert script.path.parent.name == script.question
