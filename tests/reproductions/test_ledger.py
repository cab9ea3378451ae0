"""The harness: literals, judging, seeds, faults, and what is written."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from reproductions.ledger import (
    Claim,
    Reproduction,
    over_seeds,
    read_ledger,
    read_scripts,
    record,
    shared,
)
from reproductions.page import number, results, status, write_results
from reproductions.running import run_script
from toy_scripts import toy
from trueup.core import Estimate
from trueup.core.errors import UsageError


FALLS = "return [Estimate(-1.0 - 0.01 * seed)]"


@pytest.mark.parametrize(("side", "low", "high", "met"), [
    ("< 0", -2, -1, True), ("< 0", -2, 0, False), ("< 0", 1, 2, False),
    ("> 0.5", 0.6, 0.7, True), ("> 0.5", 0.5, 0.7, False), ("> -1e-3", 0, 1, True),
    ("between -0.01 0.01", -0.01, 0.01, True), ("between -0.01 0.01", -0.02, 0, False),
    ("< 0", -math.inf, -1, False), ("< 0", math.nan, math.nan, False),
])  # fmt: skip
def test_the_whole_interval_must_lie_on_the_side(side, low, high, met):
    assert Claim("c", side).met_by(Estimate((low + high) / 2, low, high)) is met


@pytest.mark.parametrize("side", ["0", "<0", "< zero", "between 1", "= 0", "> nan", "< 1 2"])
def test_a_side_that_says_nothing_is_refused(side):
    with pytest.raises(UsageError, match=re.escape(f"Claim: the side is {side!r}. Write")):
        Claim("c", side)


@pytest.mark.parametrize(
    "wrong", [{"question": "trust"}, {"scale": "large"}, {"seeds": 0}], ids=str
)
def test_a_literal_out_of_range_is_refused(wrong):
    given = {"question": "error"} | wrong
    with pytest.raises(UsageError, match=r"Reproduction S: question is .* Use one of"):
        Reproduction(1, "S", paper="p", claims=(), differs="d", **given)


def test_literals_are_read_without_running_the_file(tmp_path):
    script = toy(tmp_path, FALLS, before='raise SystemExit("run")', more="seeds=3,")
    assert (script.mission, script.system, script.seeds) == (900, "Toy", 3)
    assert script.claims == (Claim("it falls", "< 0"),)
    assert script.differs == "everything is small"


def test_mean_and_interval_are_those_of_the_t_test():
    values = np.random.default_rng(0).normal(size=6)
    found = over_seeds([Estimate(v) for v in values])
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert np.allclose([found.value, found.low, found.high], [values.mean(), *expected])
    assert (found.n, found.how) == (6, "t interval over seeds")


def test_one_seed_keeps_the_interval_of_its_measurement():
    assert over_seeds([Estimate(1.0, 0.5, 1.5, how="exact")]) == Estimate(
        1.0, 0.5, 1.5, how="exact"
    )


@pytest.mark.parametrize(("scale", "holds"), [
    ("paper", "yes"), ("exact", "yes"), ("reduced", "at this scale"),
])  # fmt: skip
def test_a_claim_that_holds(tmp_path, scale, holds):
    (row,) = run_script(toy(tmp_path, FALLS, more=f'scale="{scale}",'))
    assert row["holds"] == holds
    assert (row["seeds"], row["measured"]["n"]) == (5, 5)
    assert row["measured"]["value"] == pytest.approx(-1.02)


def test_a_claim_that_fails(tmp_path):
    (row,) = run_script(toy(tmp_path, "return [Estimate(-1.0 if seed else 4.0)]"))
    assert row["holds"] == "no"
    assert row["measured"]["low"] < 0 < row["measured"]["high"]


def test_nan_in_one_seed_is_no_number(tmp_path):
    (row,) = run_script(toy(tmp_path, 'return [Estimate(float("nan") if seed == 2 else -1.0)]'))
    assert (row["holds"], row["measured"]["low"]) == ("no", None)
    assert row["measured"]["how"] == "1 of 5 seeds failed: not a finite number"
    assert row["measured"]["value"] == -1.0


def test_an_exception_in_one_seed_is_an_outcome(tmp_path):
    body = 'if seed == 3: raise ValueError("no\\n  luck")\n    return [Estimate(-1.0)]'
    (row,) = run_script(toy(tmp_path, body))
    assert (row["holds"], row["measured"]["n"]) == ("no", 4)
    assert row["measured"]["how"] == "1 of 5 seeds failed: seed 3: ValueError: no luck"


def test_a_wrong_number_of_results_is_an_outcome(tmp_path):
    (row,) = run_script(toy(tmp_path, "return []", more="seeds=1,"))
    assert row["measured"]["value"] is None
    assert "0 results for 1 claims" in row["measured"]["how"]


def test_a_proof_counts_by_its_difference(tmp_path):
    body = (
        "from trueup.core.proof import Proof\n    from trueup.core import Outcome\n    "
        "return [Proof('s', Estimate(1.0), Estimate(0.5), Estimate(-0.5), Outcome.PROVEN)]"
    )
    (row,) = run_script(toy(tmp_path, body))
    assert row["measured"]["value"] == -0.5


def test_claims_keep_their_order(tmp_path):
    claims = 'Claim("falls", "< 0"), Claim("rises", "> 0")'
    first, second = run_script(
        toy(tmp_path, "return [Estimate(-1.0), Estimate(-2.0)]", claims=claims)
    )
    assert [first["claim"], second["claim"]] == ["falls", "rises"]
    assert [first["holds"], second["holds"]] == ["at this scale", "no"]


def test_processes_find_what_one_finds(tmp_path):
    script = toy(tmp_path, FALLS)
    one, several = (run_script(script, seeds=3, jobs=jobs)[0] for jobs in (1, 2))
    assert one["measured"] == several["measured"]


def test_running_one_replaces_its_rows_only(tmp_path):
    scripts = [toy(tmp_path, FALLS, mission=m, system=f"T{m}") for m in (902, 901, 903)]
    for script in scripts:
        record(run_script(script), tmp_path)
    before = read_ledger(tmp_path)
    assert [row["mission"] for row in before] == [901, 902, 903]
    changed = toy(tmp_path, "return [Estimate(1.0)]", mission=904, system="T904")
    record([row | {"holds": "no"} for row in before if row["mission"] == 902], tmp_path)
    record(run_script(changed), tmp_path)
    after = read_ledger(tmp_path)
    assert [row["holds"] for row in after] == ["at this scale", "no", "at this scale", "no"]
    assert [after[0], after[2]] == [before[0], before[2]]


def test_rows_whose_script_is_gone_leave(tmp_path):
    for mission in (901, 902):
        script = toy(tmp_path, FALLS, mission=mission, system=f"T{mission}")
        record(run_script(script), tmp_path)
    (tmp_path / "calibration" / "toy_901.py").unlink()
    record(run_script(script), tmp_path)
    assert [row["mission"] for row in read_ledger(tmp_path)] == [902]


def test_a_row_is_a_line(tmp_path):
    record(run_script(toy(tmp_path, FALLS)), tmp_path)
    lines = (tmp_path / "ledger.json").read_text("utf-8").splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("[", "]", 3)
    keys = "mission system claim measured holds seeds seconds command"
    assert list(json.loads(lines[1])) == keys.split()


def test_the_page_tells_all(tmp_path):
    body = 'if seed == 3: raise ValueError("a | b")\n    return [Estimate(-1.0)]'
    record(run_script(toy(tmp_path, body)), tmp_path)
    toy(tmp_path, FALLS, mission=901, system="Other")
    write_results(tmp_path)
    page = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert page == results(tmp_path)
    assert "1 claims of 1 systems: 1 do not hold." in page
    assert "| it falls | < 0 | -1; 1 of 5 seeds failed: seed 3: ValueError: a \\| b | no |" in page
    assert "`trueup reproduce 900` runs `calibration/toy_900.py`: 5 seed(s)" in page
    assert "Not run yet: `trueup reproduce 901`." in page


def test_numbers_are_short():
    assert number(Estimate(0.12345, 0.1, 0.2).to_dict()) == "0.123 (0.1 to 0.2)"
    assert number(Estimate(math.nan).to_dict()) == "no number"
    assert status([]) == "not run yet"
    assert status([{"holds": "yes"}, {"holds": "no"}]) == "1 hold, 1 do not hold"


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TRUEUP_DATA", str(tmp_path))
    script = toy(tmp_path, FALLS, more='needs=("no_such_package",), data=("images/none",),')
    assert script.missing() == ("the package no_such_package and the shared data images/none")
    assert shared("a", "b") == tmp_path / "a" / "b"
    assert toy(tmp_path, FALLS).missing() == ""


def test_files_without_a_literal_are_no_scripts(tmp_path):
    toy(tmp_path, FALLS)
    (tmp_path / "calibration" / "parts.py").write_text("X = 1\n", encoding="utf-8")
    assert [script.path.name for script in read_scripts(tmp_path)] == ["toy_900.py"]
