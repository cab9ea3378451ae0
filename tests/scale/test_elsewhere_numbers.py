"""Forecasts of numbers in Polars, DuckDB and Ibis: cube and audit are those of the kernel."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import trueup as tu
from audit.forecasts import KINDS, SAID, forecast_table
from audit.tables import ids
from cli.shell import quick
from scale.elsewhere import same
from scale.numbers_elsewhere import (
    NUMBER_CUTS,
    number_scan,
    number_table,
    same_number_audit,
    same_numbers,
)
from scale.test_elsewhere import ENGINES, relation
from trueup.core.errors import EvidenceError, MissingPackage
from trueup.core.tables import kernel
from trueup.core.tables.remote import batches


pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


@pytest.mark.parametrize("cut", NUMBER_CUTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_cube_is_that_of_the_kernel(engine, kind, cut):
    same_numbers(ENGINES[engine](number_table(kind)), kind, cut)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_audit_is_the_same(engine, kind):
    same_number_audit(ENGINES[engine](number_table(kind)), kind)


def test_rows_of_polars_are_known_by_their_place():
    given = number_table("ensemble")
    same(*(number_scan("ensemble", t, by=("site",)) for t in (given, ENGINES["polars"](given))))


@pytest.mark.parametrize("kind", ["normal", "ensemble"])
@pytest.mark.parametrize("engine", ["duckdb", "ibis"])
def test_rows_without_a_place_are_known_by_what_they_hold(engine, kind):
    given = number_table(kind)
    order = np.random.default_rng(0).permutation(len(given))
    one, two = (number_scan(kind, ENGINES[engine](t), by=("site",))
                for t in (given, given.take(order)))  # fmt: skip
    same(one, two)
    sizes = one.cube.table["n"].sum(axis=(1,))
    assert sizes.min() > 5
    by_place = number_scan(kind, given, by=("site",))
    for name in ("n", "error", "square"):
        assert one.cube.table[name].sum() == pytest.approx(by_place.cube.table[name].sum(), 1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_rows_of_any_unit_are_told_apart(scale):
    given = forecast_table("normal", 4_000)
    given = pa.table({n: v * scale for n, v in given.items() if n != "id"})
    sizes = number_scan("normal", relation(given)).cube.table["n"].sum(axis=1)
    assert sizes.min() > 8 and sizes.max() < 70


def test_copies_of_a_row_are_told_apart_where_there_are_many():
    """Dry days: ten different rows, which 128 groups must still share evenly."""
    day = np.arange(8_000) % 10 / 10
    given = pa.table({"y": day, "value": np.round(day**2, 1)})
    order = np.random.default_rng(1).permutation(8_000)
    one, two = (number_scan("points", relation(t)) for t in (given, given.take(order)))
    same(one, two)
    sizes = one.cube.table["n"].sum(axis=1)
    assert sizes.min() > 30 and sizes.max() < 100


@pytest.mark.parametrize("engine", ENGINES)
def test_the_sample_is_seeded_by_the_key(engine, monkeypatch):
    monkeypatch.setattr(kernel, "SAMPLE", 300)
    monkeypatch.setattr(kernel, "LEAST_SAMPLE", 100)
    one = number_scan("normal", number_table("normal"), key="id")
    assert one.sample.every == 20
    order = np.random.default_rng(0).permutation(len(number_table("normal")))
    shuffled = number_table("normal").take(order)
    same(one, number_scan("normal", ENGINES[engine](shuffled), key="id"))


@pytest.mark.parametrize("rows", [1, 700, 10**6])
def test_sums_do_not_depend_on_batches(rows, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", rows)
    given = number_table("quantiles")
    given = given.slice(0, 200) if rows == 1 else given
    same(*(number_scan("quantiles", t, key="id") for t in (given, relation(given))))


def test_cells_as_rows_are_the_cells_again():
    from trueup.core.cells import tally

    rng = np.random.default_rng(0)
    key = rng.integers(0, 24, 50)
    one = tally(key, {"a": rng.random(50), "b": rng.random(50)}, shape=(4, 6))
    two = tally(key % 8, {"b": rng.random(50)}, shape=(4, 2, 1))
    total = {"table": one, (0,): two, "sample": []}
    empty = {"table": one + tally(key[:0], {"a": key[:0], "b": key[:0]}, shape=(4, 6)), (0,): two}
    made = batches.placed(batches.rows_of(total), empty)
    assert np.array_equal(made["table"].sums, one.sums)
    assert np.array_equal(made[0,].sums, two.sums)


SPOILED = {
    "null": ("quantiles", "q0.5", None, "2 rows of q0.01, .* are missing in some column"),
    "infinite": ("normal", "mean", np.inf, "2 rows of mean, sd are NaN or infinite"),
    "spread": ("normal", "sd", -1.0, "2 rows are of an sd that is not positive"),
    "turned": ("intervals", "low", 1e9, "2 rows are with low above high"),
    "truth": ("points", "y", np.inf, "2 rows are of a truth that is infinite"),
    "weight": ("points", "w", -1.0, "2 rows are of a missing, negative or infinite weight"),
    "key": ("points", "id", None, "2 rows are without a key"),
}


def spoiled(case: str) -> tuple[pa.Table, dict, str]:
    """A table with two bad rows, how it is audited, and what must be said."""
    kind, name, value, message = SPOILED[case]
    made = forecast_table(kind, 100) | {"w": np.ones(100)}
    columns = {n: v.astype(object) if n == name else v for n, v in made.items()}
    columns[name][[3, 50]] = value
    table = pa.table({n: pa.array(list(v)) for n, v in columns.items()})
    quantiles = {"quantiles": {float(n[1:]): n for n in made if n[0] == "q"}}
    roles = {"truth": "y", "key": "id", "weight": "w"} | (SAID[kind] or quantiles)
    return table, roles, message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", SPOILED)
def test_bad_rows_are_refused_in_the_same_words(case, engine):
    table, roles, message = spoiled(case)
    for given in (table, ENGINES[engine](table)):
        with pytest.raises(EvidenceError, match=message):
            tu.audit(given, **roles)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", ["null", "spread", "truth"])
def test_bad_rows_can_be_left_out(case, engine):
    table, roles, _ = spoiled(case)
    found, said = (tu.audit(t, drop_bad=True, **roles) for t in (ENGINES[engine](table), table))
    assert found.primary.cube.n == said.primary.cube.n == 98
    assert [c.sentence for c in found.primary.checks] == [c.sentence for c in said.primary.checks]


@pytest.mark.parametrize("engine", ENGINES)
def test_text_and_repeated_keys_are_said(engine):
    table = pa.table(
        forecast_table("points", 400) | {"word": ["a"] * 400, "k": np.arange(400) // 2}
    )
    with pytest.raises(EvidenceError, match="column 'word' must hold numbers; it holds"):
        tu.audit(ENGINES[engine](table), truth="y", point="word")
    with pytest.raises(EvidenceError, match="column 'word' must hold numbers; it holds"):
        tu.audit(ENGINES[engine](table), truth="word", point="value")
    found = tu.audit(ENGINES[engine](table), truth="y", point="value", key="k")
    assert "data_duplicates" in ids(found)


@pytest.mark.parametrize("engine", ENGINES)
def test_unknown_truths_and_several_models(engine):
    made = forecast_table("normal", 600)
    made["y"] = np.where(np.arange(600) % 20 == 0, np.nan, made["y"])
    twice = {n: np.concatenate([v, v]) for n, v in made.items()}
    twice["sd"][600:] *= 3.0
    table = pa.table(twice | {"m": ["good"] * 600 + ["wide"] * 600})
    roles = {"truth": "y", "model": "m", "key": "id", **SAID["normal"]}
    found, said = (tu.audit(t, **roles) for t in (ENGINES[engine](table), table))
    assert [m.model for m in found.models] == [m.model for m in said.models] == ["good", "wide"]
    assert found.primary.cube.n == 570
    for one, two in zip(found.models, said.models, strict=True):
        same(two.scan, one.scan)
    assert found.comparisons[0].p_value == pytest.approx(said.comparisons[0].p_value, rel=1e-9)


def test_the_columns_are_guessed_from_their_names_there_too():
    found = tu.audit(ENGINES["polars"](number_table("quantiles")), truth="y")
    assert found.primary.kind == "quantiles"


def test_a_relation_streams_through_pyarrow(monkeypatch):
    monkeypatch.setattr("trueup.core.tables.remote.duckdb.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"DuckDB relation stream through pyarrow. Run: pip"):
        number_scan("points", relation(number_table("points")))


def test_the_command_reads_files_with_polars(tmp_path):
    pq.write_table(number_table("normal"), tmp_path / "rows.parquet")
    words = ("audit", "rows.parquet", "--truth", "y", "--mean", "mean", "--sd", "sd", "--by",
             "site", "--no-history")  # fmt: skip
    found, said = (quick(tmp_path, *words, "--engine", e) for e in ("polars", "duckdb"))
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines()[:-1] == said.out.splitlines()[:-1]


def test_a_lazy_frame_stays_lazy():
    made = pl.LazyFrame(forecast_table("points", 300))
    found = tu.audit(made, truth="y", point="value", key="id")
    assert dict(found.how)["Engine"].startswith("polars added up the rows where they are")
