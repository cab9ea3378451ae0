"""Names and values that would do something, were they taken for more than text."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from audit.tables import scanned
from cli.shell import quick
from trueup.core.tables.roles import Leniency


HOSTILE = [
    "it's", '"', "'; DROP TABLE loaded; --", '"; DROP TABLE loaded; --', "a,b", "back\\slash",
    "</script><script>alert(1)</script>", "[red]red[/red]", "[/]", "{x}", "%s", "$(id)", "`id`",
    "two\nlines", "tab\there", "\x1b[31mred\x1b[0m", "\u202egnp.exe", "naïve ✓ 数据 🐜", " ", "nan",
    "NULL", "*", "rowid", "file_row_number_", "place in its model", "true", "1", "::", "p0", "s0",
]  # fmt: skip

PAGES = HOSTILE[2:3] + HOSTILE[6:8] + HOSTILE[15:18]  # the report has hostile tests of its own


def frame(rows: int = 600, *, prob: str = "p", truth: str = "y", slope: float = 0.3) -> dict:
    """Very over-confident predictions, so that a remedy is found."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2.0, rows)
    y = (rng.random(rows) < 1 / (1 + np.exp(-slope * z))).astype(int)
    return {truth: y, prob: 1 / (1 + np.exp(-z))}


@pytest.mark.parametrize("name", [*HOSTILE[:9], *HOSTILE[13:20], "place in its model"], ids=ascii)
def test_a_hostile_name_in_every_role(tmp_path, name):
    # Everything at once: the name of the probability, a slice column and all of its values.
    table = pd.DataFrame(frame(prob=name))
    table["by " + name] = np.array([name, name + name])[np.arange(600) % 2]
    table.to_parquet(tmp_path / "t.parquet")
    words = ["audit", "t.parquet", "--truth", "y", "--prob", name, "--by", "by " + name]
    report = ["--out", "a.html"] if name in PAGES else []
    done = quick(tmp_path, *words, "--json", "a.json", "--save", "remedy", *report)
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) < 25
    assert "\x1b[31m" not in done.out
    assert "\u202e" not in done.out
    said = json.loads((tmp_path / "a.json").read_text())
    assert said["data"]["roles"]["probs"] == [name]
    assert {s["by"]["by " + name] for s in said["slices"]} == {name, name + name}
    if report:
        assert "<script>alert" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    done = quick(tmp_path, "apply", "remedy", "t.parquet", "--out", "out.parquet")
    assert (done.code, done.err) == (0, "")
    out = pd.read_parquet(tmp_path / "out.parquet")
    assert list(out) == list(table)
    assert out["by " + name].tolist() == table["by " + name].tolist()
    done = quick(tmp_path, "history")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_read_as_a_name(name):
    table = frame(300, prob=name) | {"by " + name: np.array([name, "x"])[np.arange(300) % 2]}
    cube = scanned(table, probs=(name,), by=("by " + name,)).cube
    assert cube.table["p"].sum() == pytest.approx(table[name].sum())
    values, cells = cube.slices["by " + name,]
    sizes = cells["n"].sum(axis=(0, 2))
    assert {value: n for (value,), n in zip(values, sizes, strict=True) if n} == {
        name: 150, "x": 150,
    }  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_labels_and_classes(name):
    rng = np.random.default_rng(1)
    labels = np.array([name, "other", "third"])[rng.integers(0, 3, 300)]
    probs = rng.dirichlet([1, 1, 1], 300)
    table = {"truth": labels} | {f"p{j}": probs[:, j] for j in range(3)}
    classes = (name, "other", "third")
    roles = {"truth": "truth", "probs": ("p0", "p1", "p2"), "event": False}
    found = scanned(table, lenient=Leniency(classes=classes), **roles)
    assert found.class_counts.tolist() == [(labels == c).sum() for c in classes]
    event = {"truth": np.where(labels == name, name, "not it"), "p": probs[:, 0]}
    found = scanned(event, lenient=Leniency(positive=name), truth="truth")
    assert found.class_counts[1] == (labels == name).sum()


@pytest.mark.parametrize("name", ["it's.parquet", "[1].parquet", "what?.parquet", "a*b.parquet",
                                  "; DROP.parquet", "数据 🐜.parquet", "%41.parquet", "--x.parquet",
                                  "[red].parquet", "{a,b}.parquet"])  # fmt: skip
def test_hostile_file_names(tmp_path, name):
    # A neighbour that a pattern of this name would match, with other rows.
    for other in ("1.parquet", "whatX.parquet", "aXXb.parquet"):
        pd.DataFrame(frame(50)).to_parquet(tmp_path / other)
    pd.DataFrame(frame(400)).to_parquet(tmp_path / name)
    done = quick(tmp_path, "audit", "--save", "remedy", "--", name)
    assert (done.code, done.err) == (0, "")
    assert "400 rows in" in done.out
    done = quick(tmp_path, "apply", "--out", "out " + name, "--", "remedy", name)
    assert (done.code, done.err) == (0, "")
    assert len(pd.read_parquet(tmp_path / ("out " + name))) == 400
    assert quick(tmp_path, "history").code == 0


def test_hostile_names_in_errors_stay_on_one_line(tmp_path):
    pd.DataFrame(frame()).to_parquet(tmp_path / "t.parquet")
    done = quick(tmp_path, "audit", "t.parquet", "--truth", "x\x1b[31m\ny")
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert "\x1b" not in done.err
    table = pd.DataFrame(frame()).assign(y=np.array(["a\nb", "c\x1b[2Jd"] * 300))
    table.to_parquet(tmp_path / "labels.parquet")
    done = quick(tmp_path, "audit", "labels.parquet", "--truth", "y", "--prob", "p")
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert "\x1b" not in done.err


def test_hostile_names_of_tables_in_a_database(tmp_path):
    import duckdb

    name = """a"; 'b [red] --"""
    with duckdb.connect(str(tmp_path / "d.duckdb")) as connection:
        connection.register("frame", pd.DataFrame(frame(300)))
        quoted = name.replace('"', '""')
        connection.execute(f'CREATE TABLE "{quoted}" AS SELECT * FROM frame')
    done = quick(tmp_path, "audit", f"d.duckdb::{name}")
    assert (done.code, done.err) == (0, "")
    assert "300 rows in" in done.out


def test_a_search_is_only_words(tmp_path):
    for words in HOSTILE:
        done = quick(tmp_path, "methods", "--search", words)
        assert (done.code, done.err) == (0, "")
