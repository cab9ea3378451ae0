"""A forecast against a reference column: the right numbers, named as often as was promised."""

from __future__ import annotations

import importlib.resources
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.fft import dct
from scipy.stats import binom
from scipy.stats import t as student

import trueup as tu
from audit.forecasts import KINDS, SAID, forecast_table
from audit.tables import ids
from trueup.audit.asked import asked_form
from trueup.audit.numbers.against import against_findings, compare_with
from trueup.audit.numbers.measures import scores_to_sum
from trueup.core import Evidence, Normal, Points, Quantiles
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.tables.plan import make_plan
from trueup.core.tables.profile import profile
from trueup.core.tables.roles import Leniency, Roles
from trueup.core.tables.scan import scan
from trueup.core.tables.source import open_table
from trueup.error import mae, rmse
from trueup.forecast import crps, skill, wis


def table_of(kind: str, rows: int, *, off: float = 1.0, seed: int = 0, **world) -> dict:
    """A forecast, and a reference ``ref`` that is ``off`` true spreads from the truth."""
    table = forecast_table(kind, rows, seed=seed, **world)
    noise = np.random.default_rng(10_000 + seed).normal(size=rows)
    return table | {"ref": table["y"] + off * noise}


def audit(table: dict, kind: str, **options):
    return tu.audit(table, truth="y", history=False, against="ref", **SAID[kind], **options)


def points(rows: int, seed: int, *, own: float = 1.0, ref: float = 1.0) -> dict:
    """Two point forecasts of one truth, with errors of known spread, independent of each other."""
    y, a, b = np.random.default_rng(seed).normal(size=(3, rows))
    return {"y": y, "value": y + own * a, "ref": y + ref * b}


@pytest.mark.parametrize("role", ["cluster", "time", "weight"])
@pytest.mark.parametrize("kind", ["normal", "quantiles", "points"])
def test_the_skill_is_that_of_the_measure_on_the_same_rows(kind, role):
    table = table_of(kind, 900)
    table["r"] = np.arange(900) // 9 + 1
    table["ref"][100:160] = np.nan
    found = audit(table, kind, **{role: "r"})
    keep = np.isfinite(table["ref"])
    roles = {role: table["r"][keep]}
    y, other = table["y"][keep], Points(table["ref"][keep])
    own = evidence_of(kind, table).prediction.take(np.flatnonzero(keep))
    by = {"normal": crps, "quantiles": wis, "points": mae}[kind]
    want = 1 - by(y, own, **roles).value / mae(y, other, **roles).value
    got = found.measures["skill"]
    assert (got.value, got.n) == (pytest.approx(want, rel=1e-12), 840)
    centre = skill(y, own, against=other, score=mae, **roles)
    name = "skill" if kind == "points" else "skill_mae"
    assert found.measures[name].value == pytest.approx(centre.value, rel=1e-12)
    squares = skill(y, own, against=other, score=rmse, **roles)
    assert found.measures["skill_rmse"].value == pytest.approx(squares.value, rel=1e-12)
    if role == "cluster":  # the same groups, so the same interval
        assert found.measures[name].low == pytest.approx(centre.low, rel=1e-12)


def evidence_of(kind: str, table: dict) -> Evidence:
    if kind == "points":
        return Evidence(Points(table["value"]), table["y"])
    if kind == "normal":
        return Evidence(Normal(table["mean"], table["sd"]), table["y"])
    names = [name for name in table if name.startswith("q")]
    levels = np.array([float(name[1:]) for name in names])
    return Evidence(Quantiles(levels, np.column_stack([table[n] for n in names])), table["y"])


def test_the_test_is_that_of_student_over_slow_waves_of_blocks_of_time():
    table = points(2_000, 3, own=1.1) | {"t": np.arange(2_000)}
    found = audit(table, "points", time="t")
    d = np.abs(table["value"] - table["y"]) - np.abs(table["ref"] - table["y"])
    blocks = d.reshape(20, 100).mean(axis=1)
    slow = dct(blocks, norm="ortho")[1:13]  # 12 of the 19 waves of blocks that do not follow
    statistic = blocks.mean() / np.sqrt((slow**2).mean() / 20)
    got = found.primary.against.test
    assert got.p_value == pytest.approx(2 * student.sf(abs(statistic), 12), rel=1e-6)
    assert found.measures["diebold_mariano_p_value"].value == got.p_value
    assert got.difference.low < blocks.mean() < got.difference.high


@pytest.mark.parametrize("kind", KINDS)
def test_a_better_reference_is_named_first_and_a_worse_one_is_beaten(kind):
    found = audit(table_of(kind, 4_000, off=0.2), kind)
    first = found.findings[0]
    assert (first.id, first.severity) == ("worse_than:ref", "high")
    assert first.estimate.high < 0
    assert found.verdict.startswith("Worse than ref: its ")
    assert "ref" in found.action
    found = audit(table_of(kind, 4_000, off=4.0), kind)
    assert ids(found) == []
    assert found.measures["skill"].low > 0.5
    assert found.primary.against.outcome == "better"
    assert ", it beats ref by " in found.verdict


def compared(table: dict, kind: str, **roles: str):
    """The comparison alone, without the rest of the audit."""
    values, form = asked_form(SAID[kind])
    with open_table(table) as opened:
        given = Roles("y", values=values, form=form, against="ref", **roles)
        look = profile(opened, given, Leniency())
        plan = replace(make_plan(opened, given, look), scores=scores_to_sum(form))
        cube = scan(opened, plan, threads=1).cube
    return compare_with(cube, form, "ref", level=0.95)


@pytest.mark.parametrize("grouped", [{}, {"time": "t"}], ids=str)
def test_equal_skill_is_named_different_as_often_as_was_promised(grouped):
    tables, different = 200, 0
    for seed in range(tables):
        table = points(400, seed) | {"t": np.arange(400)}
        found = compared(table, "points", **grouped)
        different += found.outcome != "not_distinguishable"
        named = [finding.id for finding in against_findings(found)]
        said = {"better": [], "worse": ["worse_than:ref"]}
        assert named == said.get(found.outcome, ["not_better_than:ref"])
    # Neither more often nor, by a test that never speaks, much less: one seed in a thousand each.
    assert binom.ppf(0.001, tables, 0.05) <= different <= binom.ppf(0.999, tables, 0.05)


def test_a_law_of_equal_score_is_named_different_as_often_as_was_promised():
    # The CRPS of an honest standard normal law is 1 / sqrt(pi), as is E|e| of e ~ N(0, 1 / 2).
    tables, different = 200, 0
    for seed in range(tables):
        y, e = np.random.default_rng(seed).normal(size=(2, 300))
        table = {"y": y, "mean": np.zeros(300), "sd": np.ones(300), "ref": y + e / np.sqrt(2)}
        different += compared(table, "normal").outcome != "not_distinguishable"
    assert binom.ppf(0.001, tables, 0.05) <= different <= binom.ppf(0.999, tables, 0.05)


def test_a_fifth_worse_is_named():
    held = 0
    for seed in range(20):
        found = audit(points(2_000, seed, own=1.2), "points", threads=1)
        assert ids(found)[0] == "worse_than:ref"
        held += found.measures["skill"].low < -0.2 < found.measures["skill"].high
    assert held >= binom.ppf(0.001, 20, 0.95)


def test_a_law_may_win_by_its_spread_and_lose_by_its_median():
    rng = np.random.default_rng(0)
    y, a, b = rng.normal(size=(3, 4_000))
    table = {"y": y, "mean": y + a, "sd": np.ones(4_000), "ref": y + 0.85 * b}
    found = audit(table, "normal")
    assert found.measures["skill"].low > 0
    assert found.measures["skill_mae"].high < 0
    assert ids(found) == ["median_worse_than:ref"]
    assert "beats" not in found.verdict


def test_the_same_forecast_is_not_better_than_itself():
    table = points(500, 0)
    found = audit(table | {"ref": table["value"].copy()}, "points")
    assert found.measures["skill"].value == 0
    assert ids(found) == ["not_better_than:ref"]
    assert found.to_dict()["against"]["p_value"] is None
    assert "p not known" in found.document()["headline"][1]["note"]


def test_a_reference_that_is_never_wrong_is_better():
    table = points(500, 0)
    found = audit(table | {"ref": table["y"].copy()}, "points")
    assert ids(found) == ["worse_than:ref"]
    assert found.to_dict()["measures"]["skill"]["value"] is None


def test_rows_without_a_reference_are_counted_and_change_nothing_else():
    table = points(1_000, 1)
    plain = tu.audit(table, truth="y", point="value", history=False)
    table["ref"][:10], table["ref"][10:100] = np.inf, np.nan
    found = audit(table, "points")
    check = next(c for c in found.primary.checks if c.id == "data_against")
    assert (check.count, check.severity) == (100, "medium")
    assert "100 rows have no finite number in ref" in check.sentence
    assert found.measures["mae"] == plain.measures["mae"]
    assert found.measures["skill"].n == 900
    few = points(1_000, 1)
    few["ref"][3] = np.nan
    check = next(c for c in audit(few, "points").primary.checks if c.id == "data_against")
    assert (check.count, check.severity) == (1, "low")


def test_every_model_gets_its_skill():
    table = points(1_500, 5, own=0.5)
    bad = table | {"value": table["value"] + np.random.default_rng(9).normal(size=1_500) * 2}
    none = {name: column.copy() for name, column in table.items()}
    none["value"], none["ref"] = none["value"] + 0.1, np.full(1_500, np.nan)
    stacked = {n: np.concatenate([table[n], bad[n], none[n]]) for n in table}
    stacked |= {
        "model": np.repeat(["new", "old", "odd"], 1_500),
        "id": np.tile(np.arange(1_500), 3),
    }
    found = audit(stacked, "points", key="id")
    skills = {m["model"]: m["measures"].get("skill") for m in found.to_dict()["models"]}
    assert skills["new"]["low"] > 0.4 and skills["old"]["high"] < 0
    assert skills["odd"] is None
    assert "worse_than:ref:old" in ids(found)
    worst = next(f for f in found.findings if f.id == "worse_than:ref:old")
    assert worst.sentence.startswith("old is worse than ref: its mean absolute error is ")


def test_cubes_of_halves_add_up_and_batches_do_not_matter(tmp_path):
    import duckdb

    table = points(1_200_000, 2)
    table["ref"][::7] = np.nan
    duckdb.from_arrow(arrow(table)).to_parquet(str(tmp_path / "t.parquet"))
    found = audit(str(tmp_path / "t.parquet"), "points")
    keep = np.isfinite(table["ref"])
    far = [np.abs(table[name] - table["y"])[keep].mean() for name in ("value", "ref")]
    assert found.measures["skill"].value == pytest.approx(1 - far[0] / far[1], rel=1e-10)
    cube = found.primary.cube
    assert (cube + cube).against["n"].sum() == 2 * cube.against["n"].sum()


def arrow(table: dict):
    return pytest.importorskip("pyarrow").table(table)


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_can_be_written(kind, tmp_path):
    table = table_of(kind, 1_200, off=1.0, seed=8) | {"day": np.arange(1_200)}
    found = audit(table, kind, time="day")
    said = json.loads(found.save_json(tmp_path / "a.json").read_text())
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    folder = importlib.resources.files("trueup.audit")
    jsonschema.validate(said, json.loads((folder / "schema-1.json").read_text("utf-8")))
    assert said["against"]["column"] == said["data"]["roles"]["against"] == "ref"
    assert said["against"]["scores"][0]["skill"] == said["measures"]["skill"]
    page = found.report(tmp_path / "a.html").read_text("utf-8")
    assert "Against ref" in page and "Diebold-Mariano" in page and "Skill against ref" in page


REFUSED = {
    "text": ({"ref": np.array(["a"] * 400)}, "column 'ref' must hold numbers"),
    "absent": ({"gone": True}, "no column 'ref' in"),
    "empty": ({"ref": np.full(400, np.nan)}, "'ref' has a finite number in 0 of 400 rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_column_that_is_no_reference_is_refused(case):
    change, words = REFUSED[case]
    table = points(400, 0) | change
    if table.pop("gone", False):
        del table["ref"]
    with pytest.raises(EvidenceError, match=words):
        audit(table, "points")


def test_probabilities_have_no_reference():
    table = {"y": np.arange(100) % 2, "p": np.full(100, 0.5), "ref": np.zeros(100)}
    with pytest.raises(UsageError, match="against 'ref' is for forecasts of a number"):
        tu.audit(table, truth="y", prob="p", against="ref", history=False)


def test_a_pattern_of_members_leaves_the_reference_out():
    table = forecast_table("ensemble", 400, members=5)
    table["m9"] = table["y"] + 1.0
    found = tu.audit(table, truth="y", members="m*", against="m9", history=False)
    assert "m9" not in found.primary.plan.roles.values


def test_a_regressor_is_compared_with_an_array():
    from sklearn.linear_model import LinearRegression

    x = np.random.default_rng(1).normal(size=(800, 2))
    y = x @ [1.0, 2.0] + np.random.default_rng(2).normal(size=800)
    model = LinearRegression().fit(x[:400], y[:400])
    found = tu.audit_model(model, x[400:], y[400:], against=np.zeros(400), history=False)
    assert found.measures["skill"].low > 0.3


def test_a_missing_truth_and_a_missing_member_have_names_of_their_own():
    table = forecast_table("ensemble", 400, members=4)
    table["y"][:9], table["m1"][20:30] = np.nan, np.nan
    columns = {n: np.ma.masked_invalid(c) if n in ("y", "m1") else c for n, c in table.items()}
    found = tu.audit(columns, truth="y", members="m*", drop_bad=True, history=False)
    names = ids(found)
    assert len(names) == len(set(names))
    assert {"data_nulls", "data_no_prediction"} <= set(names)
