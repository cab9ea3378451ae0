"""Faults that were put into a table are named, first, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

import trueup as tu
from audit.tables import event_table, ids, sigmoid, slices_of
from trueup.worlds import confident_by_factor, planted_table


@pytest.fixture(scope="module")
def million():
    """A million rows: slope 0.8, and one region of twenty whose events are rarer."""
    world = planted_table(1_000_000, slope=0.8, bad_shift=-0.6)
    return tu.audit(world.columns, truth="y", prob="p", by=["region", "site"], key="id")


def test_both_faults_are_named_first_and_nothing_else_is(million):
    assert ids(million) == ["bad_slice:region=region_03", "overconfident"]


def test_the_sizes_of_both_faults_are_right(million):
    slope, bad = million.measures["calibration_slope"], million.primary.slices[0]
    # The bad region bends the overall slope a little, so its own interval is not the question.
    assert slope.value == pytest.approx(0.8, abs=0.01)
    # 0.6 of log-odds around rates of one half is about twelve points.
    assert bad.gap.value == pytest.approx(-0.115, abs=0.015)
    assert bad.gap.high < -0.10


def test_the_action_names_a_line_for_each_region_which_mends_both_faults(million):
    assert million.advice == "Cool it"
    assert "apply a line in log-odds for each region" in million.action
    assert "then look into" not in million.action
    tried = {remedy.name: remedy for remedy in million.primary.trial.remedies}
    chosen, platt = million.primary.chosen, tried["platt"]
    assert chosen.column == "region" and chosen.proof.outcome.value == "proven"
    # What the bad region is worth, on the rows that prove: .0014 nat of the .0066.
    assert chosen.proof.after.value < platt.proof.after.value - 0.001
    assert chosen.proof.before.value == pytest.approx(platt.proof.before.value, abs=1e-12)


def test_the_verdict_is_the_first_finding(million):
    assert million.verdict.startswith("Where region = region_03 (")


def test_a_change_in_time_is_located_within_one_chunk():
    world = planted_table(60_000, slope=1.0, change_shift=-0.6)
    audit = tu.audit(world.columns, truth="y", prob="p", time="day")
    moved = {d.series: d for d in audit.primary.drifts if d.changed}
    starts = audit.primary.plan.clock.starts
    for series in ("calibration", "base_rate"):
        nearest = min(range(len(starts)), key=lambda i: abs(starts[i] - world.change_day))
        assert abs(starts.index(moved[series].change_at) - nearest) <= 1
        assert moved[series].shift.value < -0.05
    assert "score" not in moved  # the model says what it said before


def test_a_change_of_the_scores_alone_is_called_that():
    rng = np.random.default_rng(3)
    day = np.repeat(np.arange(200), 150)
    stated = rng.normal(0, 1.5, day.size) + 0.8 * (day >= 80)
    y = rng.random(day.size) < sigmoid(stated)
    table = {"y": y.astype(int), "p": sigmoid(stated), "day": day}
    found = ids(tu.audit(table, truth="y", prob="p", time="day"))
    assert "drift_score" in found
    assert "drift_calibration" not in found


def test_dates_are_told_as_dates():
    world = planted_table(40_000, slope=1.0, change_shift=-0.8)
    when = np.datetime64("2024-01-01") + world.columns["day"].astype("timedelta64[D]")
    audit = tu.audit(world.columns | {"date": when}, truth="y", prob="p", time="date")
    moved = next(d for d in audit.primary.drifts if d.series == "calibration")
    away = np.datetime64(moved.change_at) - np.datetime64("2024-04-30")  # day 120
    assert abs(away / np.timedelta64(1, "D")) <= 5
    assert any(moved.change_at in finding.sentence for finding in audit.findings)


def crossed(rows: int, a: int, b: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of ``a`` and ``b`` values that know nothing of each other."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, a, rows), rng.integers(0, b, rows)


def test_a_bad_cell_is_named_as_the_pair_and_its_parents_are_not():
    a, b = crossed(200_000, 40, 40, seed=1)
    table = event_table(200_000, seed=2, shift=-1.5 * ((a == 7) & (b == 11)), a=a, b=b)
    text = {name: np.char.add(name, table[name].astype(str)) for name in "ab"}
    named = [s.by for s in slices_of(table | text, "a", "b") if s.flagged]
    assert named == [{"a": "a7", "b": "b11"}]


def test_cells_that_balance_within_their_parents_are_still_found():
    a, b = crossed(60_000, 4, 5, seed=3)
    sign = np.where(a == b, -1.0, 1.0) * ((a < 2) & (b < 2))
    table = event_table(60_000, seed=4, shift=0.8 * sign, a=a, b=b)
    named = {tuple(s.by.values()) for s in slices_of(table, "a", "b") if s.flagged}
    assert named == {("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")}


def test_a_bad_single_value_does_not_name_its_pairs():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 4, 40_000), rng.integers(0, 5, 40_000)
    table = event_table(40_000, seed=6, shift=-1.0 * (a == 2), a=a, b=b)
    assert [s.by for s in slices_of(table, "a", "b") if s.flagged] == [{"a": "2"}]


def test_an_underconfident_model_is_sharpened():
    evidence = confident_by_factor(0.5, rows=20_000).evidence
    table = {"y": evidence.truth, "p": evidence.prediction.probs[:, 1]}
    audit = tu.audit(table, truth="y", prob="p")
    assert ids(audit)[0] == "underconfident"
    assert audit.advice == "Sharpen it"


def test_a_biased_model_is_called_biased():
    table = event_table(20_000, shift=-0.8)
    assert "biased_high" in ids(tu.audit(table, truth="y", prob="p"))


def test_scores_that_say_nothing_are_weak():
    rng = np.random.default_rng(0)
    table = {"y": rng.integers(0, 2, 5_000), "p": rng.uniform(0.45, 0.55, 5_000)}
    assert "weak_discrimination" in ids(tu.audit(table, truth="y", prob="p"))


def test_several_classes_over_confident():
    evidence = confident_by_factor(2.0, rows=5_000, classes=4).evidence
    table = {f"p_{j}": column for j, column in enumerate(evidence.prediction.probs.T)}
    audit = tu.audit(table | {"y": evidence.truth}, truth="y")
    assert ids(audit)[0] == "overconfident"
    assert audit.primary.chosen is not None
    assert audit.to_dict()["measures"]["classwise_ece"]["value"] > 0
