"""Corrections by the values of a column: chosen where one map for all rows is not enough."""

from __future__ import annotations

import numpy as np
import pytest

import trueup as tu
from audit.tables import event_table
from trueup.audit.groups import COLUMNS, group_benches
from trueup.audit.restore import load_remedy
from trueup.calibration import HierarchicalPlatt, PerGroup, log_loss
from trueup.core import Evidence, Probabilities
from trueup.core.errors import EvidenceError


ROWS = 40_000


def bent(seed: int = 1, rows: int = ROWS) -> dict:
    """Four shops, one too sure and one too timid, beside a floor and an age that know nothing."""
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 4, rows)
    shift = np.array([-0.8, 0.0, 0.0, 0.8])[shop]
    own = {"floor": rng.integers(0, 6, rows), "age": rng.normal(50, 15, rows)}
    names = np.array(["north", "o'er", "(missing)", "west"])[shop]
    return event_table(rows, seed=seed, shift=shift, shop=names, **own)


def audited(table: dict, *by: str, **options):
    return tu.audit(table, truth="y", prob="p", by=by, history=False, **options)


@pytest.fixture(scope="module")
def found():
    return audited(bent(), "shop", "floor", "age")


def test_the_correction_by_shop_is_chosen_proven_and_told_in_words(found):
    assert found.primary.chosen.name == "per_group:shop"  # four shops teach no law
    assert found.action.startswith("Correct it: apply a line in log-odds for each shop, which")
    rows = {row["name"]: row for row in found.to_dict()["remedies"]}
    assert rows["per_group:shop"]["title"] == "a line in log-odds for each shop"
    assert "each floor, drawn towards" in rows["hierarchical_platt:floor"]["title"]
    assert rows["per_group:floor"]["chosen"] is False
    assert found.to_dict()["chosen"] == "per_group:shop"


def test_what_was_not_tried_is_said(found):
    [told] = found.to_dict()["remedies_left_out"]
    assert told == (
        "No correction for each age was tried: its slices are ranges or times, not values."
    )
    many = bent(rows=2_000) | {f"c{j}": np.arange(2_000) % 3 for j in range(COLUMNS + 1)}
    many |= {"who": np.arange(2_000).astype(str), "one": np.zeros(2_000, int)}
    asked = [*(f"c{j}" for j in range(COLUMNS + 1)), "who", "one"]
    told = audited(many, *asked).to_dict()["remedies_left_out"]
    assert ["each c3" in told[0], "each who" in told[1], "one value" in told[2]] == [True] * 3
    names = {remedy.column for remedy in audited(many, *asked).primary.trial.remedies}
    assert names == {"", "c0", "c1", "c2"}


def test_several_classes_are_told_that_none_was_tried():
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 900)
    table = {f"p_{j}": column for j, column in enumerate(probs.T)} | {"y": np.arange(900) % 3}
    audit = tu.audit(table | {"g": np.arange(900) % 2}, truth="y", by="g", history=False)
    assert "for an event, not for classes" in audit.to_dict()["remedies_left_out"][0]


@pytest.mark.parametrize("kind", [PerGroup, HierarchicalPlatt])
def test_cells_teach_what_rows_teach(kind):
    """64 bins of the score are enough for a line: the loss on rows differs by no more than 1e-5."""
    table = bent(3)
    audit = audited(table, "floor")
    bench = group_benches(audit.primary.scan, audit.primary.plan)["floor"]
    everyone = bench.sizes() > 0
    cells = kind("floor").fit(bench.evidence(everyone))
    by = {"floor": table["floor"]}
    evidence = Evidence(Probabilities(table["p"]), table["y"], by=by)
    rows = kind("floor").fit(evidence)
    losses = [log_loss(table["y"], f.correct(evidence).probs[:, 1]) for f in (cells, rows)]
    assert losses[0].value == pytest.approx(losses[1].value, abs=1e-5)
    # What cells say of the gain is what rows say, but for chance within half a unit of log-odds:
    # sd at most |slope - 1| * 0.15 * 0.5 / sqrt(rows) for a row.
    stated = log_loss(table["y"], table["p"]).value
    before, after = bench.cubes(cells, everyone)
    assert before.table["loss"].sum() / ROWS == pytest.approx(stated, rel=1e-9)
    assert after.table["loss"].sum() / ROWS == pytest.approx(losses[0].value, abs=5e-5)


def test_the_proof_holds_on_rows(found):
    """Rows of another seed gain what the proof promised."""
    new, proof = bent(2), found.primary.chosen.proof
    after = found.remedy.apply(new)
    losses = [log_loss(new["y"], each["p"]).value for each in (new, after)]
    assert losses[1] - losses[0] == pytest.approx(proof.difference.value, abs=0.004)


def test_a_saved_correction_names_its_column(found, tmp_path):
    found.remedy.save(tmp_path)
    stored = load_remedy(tmp_path)
    assert stored.reads == ["p", "shop"]
    table = {"p": np.array([0.3, 0.3, 0.3]), "shop": np.array(["north", "west", "nowhere"])}
    said = stored.apply(table)["p"]
    assert said[0] < 0.2 < said[2] < 0.4 < said[1]  # who is unknown takes the line of all
    with pytest.raises(EvidenceError, match="no column 'shop'"):
        stored.apply({"p": np.array([0.3])})


@pytest.mark.parametrize("to", ["sql", "json", "python", "onnx"])
def test_it_leaves_for_other_engines(found, to, tmp_path):
    pytest.importorskip("onnxruntime" if to == "onnx" else "duckdb")
    made = found.remedy.export(to, tmp_path / "made")
    assert made.checked.difference < 1e-9


def test_values_in_time_by_cluster_and_with_weights_are_tried():
    table = bent(5) | {"t": np.arange(ROWS), "who": np.arange(ROWS) // 4}
    table["w"] = np.random.default_rng(0).uniform(0.5, 2, ROWS)
    for role in ({"time": "t"}, {"cluster": "who"}, {"weight": "w"}):
        assert audited(table, "shop", **role).primary.chosen.column == "shop"


def test_one_map_is_enough_where_values_say_nothing():
    """Rows that one line mends get a line, whatever the columns: the simplest of the best."""
    rng = np.random.default_rng(9)
    chosen = []
    for _ in range(12):
        x = rng.normal(0, 1.5, 4_000)
        y = (rng.random(4_000) < 1 / (1 + np.exp(-0.5 * x))).astype(int)
        table = {"y": y, "p": 1 / (1 + np.exp(-x)), "a": rng.integers(0, 8, 4_000)}
        chosen.append(audited(table | {"b": rng.integers(0, 3, 4_000)}, "a", "b").primary.chosen)
    # Among equals a rule of one standard error errs for one side in six at most.
    assert sum(bool(c.column) for c in chosen) <= 2
