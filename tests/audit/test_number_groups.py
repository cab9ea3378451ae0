"""Audits of forecasts by group: one region of twenty is off, is named and is mended."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

import trueup as tu
from audit.forecasts import KINDS, SAID, forecast_table
from audit.tables import ids
from trueup.audit.apply import apply_file
from trueup.audit.groups import COLUMNS
from trueup.audit.remedies import settled
from trueup.audit.restore import load_remedy
from trueup.core.outcome import Outcome


ROWS = 8_000
FAULTS = {"biased": {"moved": 1.0}, "narrow": {"spread": 0.4}}


def regional(kind: str, rows: int = ROWS, *, seed: int = 0, regions: int = 20, **fault) -> dict:
    """Forecasts of twenty regions, of which r07 alone has the fault."""
    region = np.array([f"r{j:02d}" for j in range(regions)])[
        np.random.default_rng(seed).integers(0, regions, rows)
    ]
    one, right = region == "r07", {"moved": 0.0, "spread": 1.0}
    told = {name: np.where(one, wrong, right[name]) for name, wrong in fault.items()}
    return forecast_table(kind, rows, seed=seed, **told) | {"region": region}


def audited(table: dict, kind: str, *by: str, **roles):
    told = {"key": "id", "threads": 1, "history": False} | roles
    return tu.audit(table, truth="y", by=list(by), **told, **SAID[kind])


CASES = [
    (kind, fault) for kind in KINDS for fault in FAULTS if (kind, fault) != ("points", "narrow")
]


@pytest.mark.parametrize(("kind", "fault"), CASES)
def test_the_region_is_named_and_its_correction_is_proven(kind, fault):
    found = audited(regional(kind, **FAULTS[fault]), kind, "region")
    assert "bad_slice:region=r07" in ids(found)
    chosen = found.primary.chosen
    assert chosen is not None and chosen.column == "region"
    assert chosen.proof.outcome is Outcome.PROVEN and chosen.proof.difference.high < 0
    assert "each region" in found.action and "r07" not in found.action.split(";")[-1]
    row = next(r for r in found.to_dict()["remedies"] if r["chosen"])
    assert row["name"].endswith("by:region") and found.to_dict()["chosen"] == row["name"]
    # What it does to new rows: much in the region, next to nothing elsewhere.
    new = regional(kind, 4_000, seed=9, **FAULTS[fault])
    after, first = found.remedy.apply(new), next(c for c in new if c not in ("id", "y", "region"))
    moved, one = np.abs(after[first] - new[first]), new["region"] == "r07"
    if first in after and fault == "biased":
        assert moved[one].mean() > 4 * moved[~one].mean()


def test_tables_without_a_fault_are_left_alone():
    """A slice is named in one table of twenty at most, and then what is chosen must be proven."""
    chosen = []
    for kind in KINDS:
        found = [audited(regional(kind, 3_000, seed=s), kind, "region") for s in range(20, 26)]
        chosen += [each.primary.chosen for each in found]
        assert any("none of its slices stands out" in t for f in found for t in f.primary.left_out)
    assert sum(c is not None for c in chosen) <= binom.ppf(0.999, len(chosen), 0.025)


@pytest.fixture(scope="module")
def found():
    table = regional("intervals", **FAULTS["narrow"])
    table["site"] = np.arange(ROWS) % 5
    table["age"] = np.random.default_rng(0).normal(50, 9, ROWS)
    return audited(table, "intervals", "region", "site", "age")


def test_columns_without_a_slice_that_stands_out_are_told(found):
    told = found.to_dict()["remedies_left_out"]
    assert "No correction for each site was tried: none of its slices stands out." in told
    assert "No correction for each age was tried: none of its slices stands out." in told
    assert {remedy.column for remedy in found.primary.trial.remedies} == {"", "region"}


def test_what_cannot_be_told_apart_is_told():
    table = regional("points", 6_000)
    x = np.random.default_rng(1).normal(size=6_000)
    table |= {"x": x, "y": table["y"] + np.where(x > 0.9, 2.0, 0.0)}
    for j in range(COLUMNS + 1):
        table[f"c{j}"] = np.where(np.arange(6_000) % (j + 3), "a", "b")
        table["y"] = table["y"] + np.where(table[f"c{j}"] == "b", 1.5, 0.0)
    names = [f"c{j}" for j in range(COLUMNS + 1)]
    found = audited(table, "points", "x", *names)
    told = found.to_dict()["remedies_left_out"]
    assert "No correction for each x was tried: its slices are ranges or times, not values." in told
    assert sum("only the 3 columns with the worst slices are" in t for t in told) == 1
    tried = {remedy.column for remedy in found.primary.trial.remedies} - {""}
    assert len(tried) == COLUMNS and tried < set(names)


def test_values_with_few_rows_take_the_correction_of_all_and_are_told():
    table = regional("intervals", **FAULTS["narrow"])
    table["region"][np.flatnonzero(table["region"] != "r07")[:6]] = "few"
    found = audited(table, "intervals", "region")
    told = found.primary.left_out
    assert told == ["1 of 21 values of region have too few rows for a correction of their own and "
                    "take that of all rows: few."]  # fmt: skip
    two = {"low": np.zeros(2), "high": np.ones(2), "region": np.array(["few", "nowhere"])}
    after = found.remedy.apply(two)
    assert after["low"][0] == after["low"][1] and after["high"][0] == after["high"][1]


def test_it_is_saved_applied_to_files_and_says_who_is_unknown(found, tmp_path):
    stored = load_remedy(found.remedy.save(tmp_path / "remedy"))
    assert stored.hash == found.remedy.hash and stored.reads == ["low", "high", "region"]
    new = regional("intervals", 500, seed=4)
    new["region"][:7] = "no"
    meant = found.remedy.apply(new)
    pl.DataFrame(new).write_parquet(tmp_path / "in.parquet")
    done = apply_file(stored, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert (done.rows, done.unseen) == (500, 7)
    out = pl.read_parquet(tmp_path / "out.parquet")
    for name in ("low", "high"):
        assert out[name].to_numpy() == pytest.approx(meant[name], abs=1e-12)
        assert stored.apply(new)[name] == pytest.approx(meant[name], abs=1e-12)


@pytest.mark.parametrize("to", ["sql", "json", "python", "onnx"])
@pytest.mark.parametrize("kind", ["quantiles", "ensemble"])
def test_it_leaves_for_other_engines(kind, to, tmp_path):
    pytest.importorskip("onnxruntime" if to == "onnx" else "duckdb")
    found = audited(regional(kind, 6_000, regions=8, **FAULTS["narrow"]), kind, "region")
    assert found.primary.chosen.column == "region"
    assert found.remedy.export(to, tmp_path / "made").checked.difference < 1e-9


@pytest.mark.parametrize("role", ["time", "cluster", "weight"])
def test_in_time_by_cluster_and_with_weights(role):
    table = regional("quantiles", spread=0.4)
    table |= {"t": np.arange(ROWS), "who": np.arange(ROWS) // 4, "w": np.full(ROWS, 0.5)}
    named = {"time": "t", "cluster": "who", "weight": "w"}[role]
    assert audited(table, "quantiles", "region", **{role: named}).primary.chosen.column == "region"


def test_where_the_groups_fail_their_proof_the_correction_of_all_is_asked(found):
    """Chosen before the proof: the first that holds, groups first."""
    by, overall = found.primary.chosen, found.primary.trial.remedies[-1]
    held, failed = (
        by,
        next(
            (r for r in found.primary.trial.remedies if r.proof.outcome is not Outcome.PROVEN), None
        ),
    )
    assert failed is not None
    assert settled(None, None) is None and settled(None, overall) is overall
    assert settled(by, failed) is by and settled(failed, held) is held
    assert settled(failed, None) is failed


def test_the_how_and_the_report_speak_of_it(found, tmp_path):
    text = " ".join(found.report(tmp_path / "page.html").read_text().split())
    assert "for each region" in text
    told = dict(found.primary.how)["Corrections"]
    assert "Corrections for each value of a column in which a slice stands out" in told
