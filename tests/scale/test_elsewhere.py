"""Polars, DuckDB and Ibis: the table stays where it is, the audit is the same."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import trueup as tu
from audit.tables import ids, scanned
from scale.elsewhere import AUDITS, CUTS, oracle, same, same_audit, table
from trueup.core.errors import EvidenceError, MissingPackage, UsageError
from trueup.core.tables import kernel
from trueup.core.tables.opened import opened
from trueup.core.tables.plan import make_plan
from trueup.core.tables.profile import profile
from trueup.core.tables.remote.cuts import quantiles
from trueup.core.tables.remote.engines import Engine
from trueup.core.tables.roles import Roles, assign


pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


def relation(given: pa.Table):
    """A DuckDB relation of a connection of its own."""
    connection = duckdb.connect()
    connection.register("given", given)
    return connection.sql("SELECT * FROM given")


def expression(given: pa.Table):
    """An Ibis table."""
    ibis = pytest.importorskip("ibis", reason="Ibis is not installed")
    connection = ibis.duckdb.connect()
    connection.con.register("given", given)
    connection.raw_sql("CREATE TABLE kept AS SELECT * FROM given")
    return connection.table("kept")


ENGINES = {
    "polars": lambda given: pl.from_arrow(given).lazy(),
    "duckdb": relation,
    "ibis": expression,
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_cube_is_that_of_the_kernel(engine, cut):
    same(oracle(cut), scanned(ENGINES[engine](table()), **CUTS[cut]))


@pytest.mark.parametrize("cut", CUTS)
def test_the_group_by_equals_the_kernel_on_polars_too(cut, monkeypatch):
    monkeypatch.setattr(Engine, "batched", False)
    same(oracle(cut), scanned(ENGINES["polars"](table()), **CUTS[cut]))


@pytest.mark.parametrize("audit", AUDITS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_audit_is_the_same(engine, audit):
    same_audit(tu.audit(ENGINES[engine](table()), **AUDITS[audit]), audit)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_sample_is_seeded_by_the_key(engine, monkeypatch):
    monkeypatch.setattr(kernel, "SAMPLE", 300)
    monkeypatch.setattr(kernel, "LEAST_SAMPLE", 100)
    one = scanned(table(), **CUTS["classes"])
    assert one.sample.every == 40
    assert 50 < len(one.sample.truth) < 160
    order = np.random.default_rng(0).permutation(len(table()))
    same(one, scanned(ENGINES[engine](table().take(order)), **CUTS["classes"]))


def test_rows_of_polars_are_known_by_their_place():
    roles = {"by": ("region",)}
    same(scanned(table(), **roles), scanned(ENGINES["polars"](table()), **roles))


@pytest.mark.parametrize("engine", ["duckdb", "ibis"])
def test_rows_without_a_place_are_known_by_their_content(engine):
    order = np.random.default_rng(0).permutation(len(table()))
    one, two = (
        scanned(ENGINES[engine](given), by=("region",)) for given in (table(), table().take(order))
    )
    same(one, two)
    sizes = one.cube.table["n"].sum(axis=1)
    assert sizes.min() > 5
    assert (sizes > 0).all()
    with_places = tu.audit(table(), truth="y", prob="p", by="region")
    by_content = tu.audit(ENGINES[engine](table()), truth="y", prob="p", by="region")
    assert ids(by_content) == ids(with_places)
    assert "hash of what the row holds" in dict(by_content.how)["Groups"]
    loss, said = (a.measures["log_loss"] for a in (by_content, with_places))
    assert loss.value == pytest.approx(said.value, rel=1e-12)
    assert loss.high - loss.low == pytest.approx(said.high - said.low, rel=0.35)


def test_copies_of_a_row_are_told_apart_where_there_are_many():
    """Scores of one digit: only 20 different rows, which 128 groups must still share evenly."""
    rng = np.random.default_rng(1)
    p = np.round(rng.uniform(0.05, 0.95, 8_000), 1).astype(np.float32)
    rows = pa.table({"p": p, "y": (rng.random(8_000) < p).astype(np.int64)})
    order = rng.permutation(8_000)
    one, two = (scanned(relation(given)) for given in (rows, rows.take(order)))
    same(one, two)
    sizes = one.cube.table["n"].sum(axis=1)
    assert sizes.min() > 30 and sizes.max() < 100
    found, said = (
        tu.audit(t, truth="y", prob="p").measures["brier"] for t in (relation(rows), rows)
    )
    assert found.high - found.low == pytest.approx(said.high - said.low, rel=0.35)


def test_models_without_a_key_are_not_paired_by_chance():
    rows = pa.table(
        {"m": ["a", "b"] * 200, "y": [0, 1, 1, 0] * 100, "p": np.linspace(0.1, 0.9, 400)}
    )
    with pytest.raises(UsageError, match="rows of duckdb have no order, so two models cannot be"):
        tu.audit(relation(rows), truth="y", prob="p", model="m")
    rows = rows.append_column("case", pa.array(np.arange(400) // 2))
    roles = {"truth": "y", "prob": "p", "model": "m", "key": "case"}
    found, said = (tu.audit(t, **roles) for t in (relation(rows), rows))
    assert [m.model for m in found.models] == [m.model for m in said.models]
    assert found.comparisons[0].p_value == pytest.approx(said.comparisons[0].p_value, rel=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_models_in_rows_that_have_places_are_paired_by_them(engine):
    rows = pa.table({"m": ["a", "b"] * 400, "y": np.repeat([0, 1, 1, 0] * 100, 2),
                     "p": np.linspace(0.1, 0.9, 800), "case": np.arange(800) // 2})  # fmt: skip
    roles = {"truth": "y", "prob": "p", "model": "m"}
    if engine != "polars":
        roles["key"] = "case"
    found, said = (tu.audit(t, **roles).to_dict() for t in (ENGINES[engine](rows), rows))
    assert found["comparisons"] == said["comparisons"]


@pytest.mark.parametrize("lenient", [{"drop_bad": True}, {"normalize": True}], ids=str)
def test_bad_rows_can_be_left_out_or_mended(lenient):
    rows = {f"p{j}": np.tile([0.2, 0.3, 0.5, 0.4], 100) for j in range(2)}
    rows |= {"p1": 1 - rows["p0"], "y": np.arange(400) % 2, "id": np.arange(400)}
    rows["p0"][7::50] *= 2
    roles = {"truth": "y", "probs": ["p0", "p1"], "key": "id"}
    for made in (pl.LazyFrame(rows), relation(pa.table(rows))):
        found, said = (tu.audit(t, **roles, **lenient).measures for t in (made, rows))
        for name in said:
            assert found[name].value == pytest.approx(said[name].value, rel=1e-9), name


WRONG = {
    "no column": ({"prob": "q"}, r"no column 'q' in LazyFrame; it has \['id', 'y', 'p'"),
    "text": ({"prob": "t"}, "column 't' must hold numbers; it holds String"),
    "out of range": (
        {"prob": "far"},
        r"1 rows of \['far'\] are outside .*one of them holds \[1.5\]",
    ),
    "null": ({"prob": "hole"}, r"2 rows of \['hole'\] are missing; one of them holds \[nan\]"),
    "labels": ({"truth": "t"}, "truth 't' has more than two labels"),
    "time": ({"time": "t"}, "time 't' holds String"),
    "weight": ({"weight": "minus"}, "1 rows are of a missing, negative or infinite weight"),
    "cluster": ({"cluster": "hole"}, "2 rows are without a cluster"),
}


@pytest.mark.parametrize("case", WRONG)
def test_impossible_columns_are_refused(case):
    change, message = WRONG[case]
    n = np.arange(100)
    rows = pl.LazyFrame({
        "id": n, "y": n % 2, "p": (n % 9 + 0.5) / 9, "t": [f"t{i % 5}" for i in n],
        "far": np.where(n == 3, 1.5, 0.5), "minus": np.where(n == 4, -1.0, 1.0),
        "hole": [None if i < 2 else 0.25 for i in n],
    })  # fmt: skip
    with pytest.raises(EvidenceError, match=message):
        tu.audit(rows, **{"truth": "y", "prob": "p"} | change)


def test_duplicate_keys_are_said():
    rows = pl.LazyFrame(
        {"id": np.arange(400) // 2, "y": np.arange(400) % 2, "p": np.full(400, 0.5)}
    )
    assert "data_duplicates" in ids(tu.audit(rows, truth="y", prob="p", key="id"))


def test_a_table_without_rows_is_refused():
    with pytest.raises(EvidenceError, match="LazyFrame has no rows"):
        tu.audit(pl.LazyFrame({"y": [], "p": []}), truth="y", prob="p")


def test_an_engine_that_fails_says_who_and_what(tmp_path):
    (tmp_path / "noise.parquet").write_bytes(b"no parquet" * 20)
    with pytest.raises(EvidenceError, match=r"noise.parquet cannot be read by polars: "):
        tu.audit(tmp_path / "noise.parquet", engine="polars")
    with pytest.raises(EvidenceError, match=r"none.parquet cannot be read by polars: "):
        tu.audit(tmp_path / "none.parquet", engine="polars")


def test_engines_are_named_for_paths_only(tmp_path):
    with pytest.raises(
        UsageError, match=r"engine: there is no engine 'ray'. Use one of \('duckdb',"
    ):
        tu.audit("x.parquet", engine="ray")
    with pytest.raises(UsageError, match=r"engine: data is a LazyFrame. Name one for a path"):
        tu.audit(pl.LazyFrame({"y": [0]}), engine="polars")


@pytest.mark.parametrize("package", ["pyspark", "dask", "polars"])
def test_a_missing_package_names_its_extra(package, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr("trueup.core.tables.remote.engines.find_spec",
                        lambda name: None if name == package else real(name))  # fmt: skip
    engine = {"pyspark": "spark"}.get(package, package)
    with pytest.raises(MissingPackage, match=rf"{engine} needs the package {package}. "
                       rf"Run: pip install 'trueup\[{engine}\]'"):  # fmt: skip
        tu.audit("x.parquet", engine=engine)


def test_nothing_of_an_engine_is_imported_before_it_is_needed():
    code = (
        "import sys, trueup as tu\n"
        "from trueup.core.tables.remote import passes\n"
        "names = ('pyspark', 'dask', 'ibis', 'polars', 'pandas', 'pyarrow')\n"
        "print([n for n in names if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("rows", [1, 2, 7, 1_000, 20_001])
@pytest.mark.parametrize("kind", ["smooth", "heavy", "few"])
def test_quantiles_are_those_of_sorting(rows, kind):
    rng = np.random.default_rng(rows)
    values = {
        "smooth": rng.normal(size=rows),
        "heavy": np.exp(rng.normal(0, 8, rows)),
        "few": rng.integers(0, 3, rows) * 1.0,
    }[kind]
    with opened(pl.LazyFrame({"v": values})) as found:
        frame = found.frame.rename({"c0": "v"})
        shares = [0.2, 0.4, 0.6, 0.8, 1.0]
        ranks = [max(int(np.ceil(rows * share)) - 1, 0) for share in shares]
        assert quantiles(found, frame, shares) == np.sort(values)[ranks].tolist()


def test_keys_of_every_size_fall_into_the_groups_of_the_kernel():
    key = np.array([-5, -1, 0, 1, 2**40, -(2**40), 999_999, 1_000_003] * 8)
    rows = {"id": key, "y": np.arange(64) % 2, "p": np.full(64, 0.25)}
    made = [scanned(t, key="id") for t in (rows, pl.LazyFrame(rows), relation(pa.table(rows)))]
    for found in made[1:]:
        same(made[0], found)


def test_what_a_plan_says_travels_without_expressions():
    """Workers get numbers alone: expressions of one version need not be read by another."""
    import pickle

    from trueup.core.tables.remote.passes import _numbers_only

    with opened(pl.from_arrow(table()).lazy()) as found:
        roles = assign(found, Roles("y", ("p",), event=True, by=("region",), time="day"))
        plan = make_plan(found, roles, profile(found, roles))
    assert len(pickle.dumps(_numbers_only(plan))) < 200_000
