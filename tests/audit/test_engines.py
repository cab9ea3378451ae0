"""One cube from every kind of table: counts and sums exactly, the rest to 1e-12."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from audit.tables import scanned
from trueup.core.cube import Cube, cube_of
from trueup.core.evidence import Evidence
from trueup.core.groups import FACTOR, FOLD, MODULUS
from trueup.core.probabilities import EPS, Probabilities
from trueup.core.tables import kernel, source
from trueup.worlds import confident_by_factor


ROWS = 5_000
CLASSES = ["p_a", "p_b", "p_c"]
EVENT = {"truth": "y", "probs": ("p",), "event": True, "key": "id", "by": ("site",)}
SEVERAL = {"truth": "label", "probs": tuple(CLASSES), "event": False, "key": "id"}


@pytest.fixture(scope="module")
def table() -> dict:
    """Columns of an event and of three classes, with awkward scores among them."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.4, 0.6, ROWS)
    p[:200] = np.linspace(0, 1, 200)  # 0, 1 and edges of bins
    p[200:205] = [0.0, 1.0, 1e-17, 1 - 1e-16, 0.5]
    # Numbers of 24 bits add without rounding in any order, so that sums can be equal to the letter.
    p = p.astype(np.float32).astype(np.float64)
    several = confident_by_factor(2.0, rows=ROWS, classes=3).evidence
    return {
        "id": rng.permutation(ROWS) * 37 - 900,
        "y": (rng.random(ROWS) < p).astype(np.int64),
        "p": p,
        "site": np.array(["north", "south", "it's"])[rng.integers(0, 3, ROWS)],
        "label": np.array(["a", "b", "c"])[several.truth],
        **dict(zip(CLASSES, several.prediction.probs.T, strict=True)),
    }


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    """The same rows as files of every kind."""
    place = tmp_path_factory.mktemp("engines")
    frame = pd.DataFrame(table)
    frame.to_parquet(place / "one.parquet", row_group_size=700)
    (place / "many").mkdir()
    for i, part in enumerate(np.array_split(np.arange(ROWS), 4)):
        frame.iloc[part].to_parquet(place / "many" / f"part-{i}.parquet")
    frame.to_csv(place / "one.csv", index=False)
    frame.to_csv(place / "zipped.csv.gz", index=False)
    frame.to_csv(place / "one.tsv", index=False, sep="\t")
    with duckdb.connect(str(place / "one.duckdb")) as connection:
        connection.register("frame", frame)
        connection.execute("CREATE TABLE preds AS SELECT * FROM frame")
        connection.execute("CREATE VIEW seen AS SELECT * FROM preds")
        connection.execute("CREATE TABLE cut AS SELECT * FROM frame UNION ALL FROM frame")
        connection.execute(f"DELETE FROM cut WHERE rowid < {ROWS}")
    return place


def relation(table):
    """A DuckDB relation of a connection of its own."""
    connection = duckdb.connect()
    connection.register("frame", pd.DataFrame(table))
    return connection.sql("SELECT * FROM frame")


SOURCES = {
    "parquet": lambda t, f: f / "one.parquet",
    "parquet as text": lambda t, f: str(f / "one.parquet"),
    "several parquet": lambda t, f: f / "many" / "*.parquet",
    "folder": lambda t, f: f / "many",
    "csv": lambda t, f: f / "one.csv",
    "csv.gz": lambda t, f: f / "zipped.csv.gz",
    "tsv": lambda t, f: f / "one.tsv",
    "arrow": lambda t, f: pa.table(t),
    "arrow batches": lambda t, f: pa.table(t).to_reader(max_chunksize=333),
    "pandas": lambda t, f: pd.DataFrame(t),
    "pandas arrow": lambda t, f: pd.DataFrame(t).convert_dtypes(dtype_backend="pyarrow"),
    "pandas category": lambda t, f: pd.DataFrame(t).astype({"site": "category"}),
    "polars": lambda t, f: pl.DataFrame(t),
    "polars lazy": lambda t, f: pl.LazyFrame(t),
    "duckdb table": lambda t, f: f"{f / 'one.duckdb'}::preds",
    "duckdb view": lambda t, f: f"{f / 'one.duckdb'}::seen",
    "duckdb after deletes": lambda t, f: f"{f / 'one.duckdb'}::cut",
    "duckdb relation": lambda t, f: relation(t),
    "arrays": lambda t, f: t,
    "lists": lambda t, f: {name: column.tolist() for name, column in t.items()},
}


def same(one: Cube, two: Cube, *, exact: tuple[str, ...] = ("n", "y", "p")) -> None:
    """Counts and sums of y and p to the letter, the rest to 1e-12."""
    pairs = [(one.table, two.table)]
    pairs += [(one.slices[key][1], two.slices[key][1]) for key in one.slices]
    pairs += [(one.classes, two.classes)] if one.classes is not None else []
    for a, b in pairs:
        assert a.names == b.names
        for name in a.names:
            if name in exact:
                assert np.array_equal(a[name], b[name]), name
            else:
                assert np.allclose(a[name], b[name], rtol=1e-12, atol=1e-300), name


@pytest.fixture(scope="module")
def oracle(table) -> Cube:
    """The cube of the arrays themselves."""
    return cube_of(Evidence(Probabilities(table["p"]), table["y"], cluster=table["id"]))


def test_the_kernel_equals_a_slow_loop(table, oracle):
    sums: dict = {}
    for key, y, p in zip(table["id"].tolist(), table["y"].tolist(), table["p"].tolist(),
                         strict=True):  # fmt: skip
        mixed = abs(key) % FOLD * FACTOR % MODULUS
        group = mixed * mixed % MODULUS % 128
        odds = np.log(max(p, EPS)) - np.log(max(1.0 - p, EPS))
        step = min(max(np.floor(odds * 32 + 512), 0), 1023)
        width = max(np.searchsorted(np.arange(61) / 60, p, side="left") - 1, 0)
        cell = sums.setdefault((group, int(step + width)), [0, 0.0, 0.0, 0.0, 0.0])
        said = p if y else 1.0 - p
        for i, value in enumerate((1, y, p, (1.0 - said) ** 2, -np.log(max(said, EPS)))):
            cell[i] += value
    filled = {(int(g), int(b)) for g, b in zip(*oracle.table["n"].nonzero(), strict=True)}
    assert filled == set(sums)
    for (group, cell), values in sums.items():
        for name, value in zip(("n", "y", "p", "brier", "loss"), values, strict=True):
            assert oracle.table[name][group, cell] == pytest.approx(value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_cube_of_the_arrays(kind, table, folder, oracle):
    found = scanned(SOURCES[kind](table, folder), **EVENT).cube
    same(oracle, found)
    values, cells = found.slices["site",]
    for v, (value,) in enumerate(values[:-1]):
        assert cells["n"][:, v].sum() == (table["site"] == value).sum()


@pytest.mark.parametrize("kind", ["parquet", "csv", "polars", "duckdb relation", "arrays"])
def test_several_classes_too(kind, table, folder):
    probs = np.column_stack([table[name] for name in CLASSES])
    codes = np.searchsorted(["a", "b", "c"], table["label"])
    evidence = Evidence(Probabilities(probs), codes, cluster=table["id"])
    found = scanned(SOURCES[kind](table, folder), **SEVERAL)
    same(cube_of(evidence, classes=True), found.cube)
    assert found.class_counts.tolist() == np.bincount(codes).tolist()
    # A relation has no order of its own; its sample is in that of the key's number.
    order = np.argsort(np.abs(table["id"])) if kind == "duckdb relation" else slice(None)
    assert np.array_equal(found.sample.truth, codes[order])


@pytest.mark.parametrize("size", [1, 97, 4_999, 5_000, 5_001])
def test_cubes_do_not_depend_on_the_size_of_batches(size, table, folder, oracle, monkeypatch):
    rows = 300 if size == 1 else ROWS
    part = {name: column[:rows] for name, column in table.items()}
    expected = cube_of(Evidence(Probabilities(part["p"]), part["y"], cluster=part["id"]))
    plain = source.Table.batches
    monkeypatch.setattr(source.Table, "batches", lambda self: plain(self, size=size))
    found = scanned(part, **EVENT).cube
    same(expected, found, exact=("n", "y"))
    assert np.allclose(expected.table["p"], found.table["p"], rtol=1e-14, atol=0)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_cubes_do_not_depend_on_threads(threads, table, folder, monkeypatch):
    plain = source.Table.batches
    monkeypatch.setattr(source.Table, "batches", lambda self: plain(self, size=400))
    one, many = (
        scanned(folder / "one.parquet", threads=n, **EVENT).cube.table.sums for n in (1, threads)
    )
    assert np.array_equal(one, many)  # to the letter: batches are always added in one order


def test_the_order_of_rows_does_not_matter_where_a_key_is(table, oracle):
    order = np.random.default_rng(0).permutation(ROWS)
    shuffled = {name: column[order] for name, column in table.items()}
    same(oracle, scanned(shuffled, **EVENT).cube, exact=("n", "y"))


def test_float32_equals_the_float64_of_the_same_numbers(table):
    small = table["p"].astype(np.float32)
    wide = small.astype(np.float64)
    same(*(scanned(table | {"p": p}, **EVENT).cube for p in (wide, small)))


def test_half_floats_and_decimals_are_read(table):
    half = table | {"p": table["p"].astype(np.float16)}
    wide = table | {"p": table["p"].astype(np.float16).astype(np.float64)}
    same(*(scanned(t, **EVENT).cube for t in (wide, half)))
    with duckdb.connect() as connection:
        connection.register("frame", pd.DataFrame(table))
        decimal = connection.sql("SELECT * REPLACE (p::DECIMAL(9, 6) AS p, y::DECIMAL(3, 2) AS y) "
                                 "FROM frame").to_arrow_table()  # fmt: skip
    rounded = table | {"p": np.asarray(decimal["p"].cast(pa.float64()))}
    one, two = (scanned(t, **EVENT).cube.table for t in (rounded, decimal))
    assert np.array_equal(one["n"].sum(axis=0), two["n"].sum(axis=0))
    for name in ("y", "p", "brier", "loss"):  # a decimal becomes a double by one of two roundings
        assert two[name].sum() == pytest.approx(one[name].sum(), rel=1e-12)


@pytest.mark.parametrize("labels", [
    ["0", "1"], ["no", "yes"], ["False", "True"], ["neg", "POS"], [0.0, 1.0], [-1, 1],
    [False, True], ["N", "Y"],
], ids=str)  # fmt: skip
def test_usual_labels_of_an_event_are_understood(labels, table, oracle):
    column = np.array(labels)[table["y"]]
    same(oracle, scanned(table | {"y": column}, **EVENT).cube)


def test_codes_follow_the_names_of_the_columns_not_their_order(table):
    probs = np.column_stack([table[name] for name in CLASSES])
    codes = np.searchsorted(["a", "b", "c"], table["label"])
    evidence = Evidence(Probabilities(probs), codes, cluster=table["id"])
    swapped = {"id": table["id"], "y": codes, "p1": probs[:, 1], "p0": probs[:, 0],
               "p2": probs[:, 2]}  # fmt: skip
    roles = {"truth": "y", "probs": ("p1", "p0", "p2"), "event": False, "key": "id"}
    expected, found = cube_of(evidence), scanned(swapped, **roles).cube
    assert np.array_equal(expected.table["y"], found.table["y"])
    from_one = {"id": table["id"], "y": codes + 1} | {f"p{j + 1}": probs[:, j] for j in range(3)}
    roles["probs"] = ("p1", "p2", "p3")
    assert np.array_equal(expected.table["y"], scanned(from_one, **roles).cube.table["y"])


def test_the_sample_of_several_classes_is_seeded_and_says_so(table, monkeypatch):
    monkeypatch.setattr(kernel, "SAMPLE", 300)
    monkeypatch.setattr(kernel, "LEAST_SAMPLE", 100)
    one, two = (scanned(table, **SEVERAL).sample for _ in range(2))
    assert one.every == ROWS // 100
    assert np.array_equal(one.probs, two.probs)
    assert 40 < len(one.truth) < 200


def test_every_connection_is_closed(table, folder):
    frame = pd.DataFrame(table)
    frame.to_parquet(folder / "gone.parquet")
    scanned(folder / "gone.parquet", **EVENT)
    (folder / "gone.parquet").rename(folder / "moved.parquet")
    scanned(f"{folder / 'one.duckdb'}::preds", **EVENT)
    with duckdb.connect(str(folder / "one.duckdb")) as connection:  # no reader holds it
        connection.execute("CREATE OR REPLACE TABLE other AS SELECT 1 AS a")


def run(code: str, *, without: tuple[str, ...], folder) -> str:
    """The output of Python ``code`` where packages are missing; nothing on stderr."""
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in without)
    text = f"import sys\n{blocked}{textwrap.dedent(code)}"
    made = subprocess.run([sys.executable, "-W", "error", "-c", text], cwd=folder,
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert made.stderr == ""
    assert made.returncode == 0
    return made.stdout


EXTRA = ("pandas", "polars", "pyarrow", "altair", "vl_convert")


def test_polars_is_read_without_pyarrow(folder):
    code = """
        import datetime, polars as pl, trueup as tu
        day = [datetime.date(2024, 1, 1 + i % 28) for i in range(900)]
        site = ["x", None, "z"] * 300
        frame = pl.DataFrame({"y": [0, 1, 1] * 300, "p": [0.2, 0.7, 0.6] * 300, "day": day,
                              "site": site, "ok": [True, None, False] * 300})
        audit = tu.audit(frame, truth="y", prob="p", by=["site", "ok"], time="day")
        print(audit.primary.cube.n, audit.primary.plan.clock.temporal)
        print(sorted(s.labels[-1] for s in audit.primary.plan.slicers))
        print(type(audit.remedy.apply(frame)).__module__)
    """
    printed = run(code, without=("pyarrow",), folder=folder).splitlines()
    assert printed[:2] == ["900 True", "['(missing)', '(missing)']"]
    assert printed[2].startswith("polars")


@pytest.mark.parametrize("file", ["one.parquet", "one.csv"])
def test_the_core_install_needs_no_extra_package(file, folder):
    code = f"""
        import trueup as tu
        audit = tu.audit({file!r}, truth="y", prob="p", by="site")
        print(audit.primary.cube.n)
        audit.save_json("core.json")
        audit.remedy.save("core")
        from trueup.audit.apply import apply_file
        from trueup.audit.restore import load_remedy
        print(apply_file(load_remedy("core"), {file!r}, "core-out.parquet").rows)
        loaded = [name for name in {EXTRA!r} if sys.modules.get(name)]
        assert not loaded, loaded
    """
    assert run(code, without=EXTRA, folder=folder).split() == [str(ROWS), str(ROWS)]


def test_importing_the_package_imports_nothing_heavy(folder):
    code = """
        import trueup
        heavy = {"numpy", "duckdb", "scipy", "sklearn", "torch", *%r} & set(sys.modules)
        assert not heavy, heavy
    """ % (EXTRA,)  # noqa: UP031
    run(code, without=(), folder=folder)
