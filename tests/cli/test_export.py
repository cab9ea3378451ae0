"""``trueup export``: what is written is verified, said, and runs."""

from __future__ import annotations

import sqlite3

import duckdb
import numpy as np
import onnxruntime
import pandas as pd
import pytest

from cli.shell import quick, run
from trueup.adapters.json import from_json
from trueup.audit.restore import load_remedy


def test_from_the_shell(folder):
    done = run(folder, "export", "event-remedy", "--to", "python", "--out", "fix.py")
    assert (done.code, done.err) == (0, "")
    assert "as python: fix.py\nverified on" in done.out
    assert "def correct(probs):" in (folder / "fix.py").read_text()


def test_text_goes_to_the_output_and_words_to_the_error_stream(folder):
    done = quick(folder, "export", "event-remedy", "--to", "sql")
    assert done.code == 0
    assert done.out.startswith("-- ") and "\nFROM s" in done.out
    assert "largest difference" in done.err and "verified" not in done.out


@pytest.mark.parametrize("name", ["event", "classes"])
def test_the_query_runs_on_the_table(folder, name):
    done = quick(folder, "export", f"{name}-remedy", "--to", "sql", "--table",
                 f"'{folder / name}.parquet'")  # fmt: skip
    frame, remedy = (
        pd.read_parquet(folder / f"{name}.parquet"),
        load_remedy(folder / f"{name}-remedy"),
    )
    got = duckdb.sql(done.out).df()
    assert list(got) == [*frame, *(f"{c}_corrected" for c in remedy.columns)]
    meant = remedy.apply(frame.astype(dict.fromkeys(remedy.columns, "float64")))
    for column in remedy.columns:
        assert got[f"{column}_corrected"].to_numpy() == pytest.approx(meant[column].to_numpy(),
                                                                      abs=1e-12)  # fmt: skip


@pytest.mark.parametrize("name", ["event", "classes"])
def test_the_query_for_sqlite_runs_on_the_table(folder, name):
    done = quick(folder, "export", f"{name}-remedy", "--to", "sql", "--dialect", "sqlite",
                 "--table", "t")  # fmt: skip
    frame, remedy = (
        pd.read_parquet(folder / f"{name}.parquet"),
        load_remedy(folder / f"{name}-remedy"),
    )
    frame = frame.astype(dict.fromkeys(remedy.columns, "float64"))
    frame.loc[3, remedy.columns[0]] = np.nan
    connection = sqlite3.connect(":memory:")
    frame.to_sql("t", connection, index=False)
    got = pd.read_sql(done.out, connection)
    connection.close()
    missing = got[[f"{c}_corrected" for c in remedy.columns]].isna().any(axis=1)
    assert missing.sum() == 1 and missing[3]


@pytest.mark.parametrize("name", ["event", "classes"])
def test_the_graph_runs(folder, name):
    done = quick(folder, "export", f"{name}-remedy", "--to", "onnx", "--out", "fix.onnx",
                 "--float32")  # fmt: skip
    assert "verified on" in done.out and done.err == ""
    remedy = load_remedy(folder / f"{name}-remedy")
    frame = pd.read_parquet(folder / f"{name}.parquet")
    probs = frame[list(remedy.columns)].to_numpy(np.float32)
    session = onnxruntime.InferenceSession(folder / "fix.onnx")
    (got,) = session.run(None, {"probs": probs})
    meant = remedy.apply({c: frame[c].to_numpy(float) for c in remedy.columns})
    assert got == pytest.approx(np.column_stack([meant[c] for c in remedy.columns]), abs=1e-5)


def test_json_is_read_back(folder):
    done = quick(folder, "export", "event-remedy", "--to", "json")
    remedy = load_remedy(folder / "event-remedy")
    again = from_json(done.out)
    assert again.about["hash"] == remedy.hash
    assert "never saw: proven" in again.about["proof"]
    p = np.array([0.1, 0.7])
    assert again(p)[:, 0] == pytest.approx(remedy.apply({"p": p})["p"], abs=1e-12)


@pytest.mark.parametrize(("words", "code", "message"), [
    (("event-remedy",), 2, "Missing option '--to'"),
    (("event-remedy", "--to", "pmml"), 2, "'pmml' is not one of"),
    (("event-remedy", "--to", "onnx"), 2, "an ONNX graph is no text. Name a file with --out"),
    (("event-remedy", "--to", "json", "--table", "t"), 2, "json takes no 'table'"),
    (("event-remedy", "--to", "python", "--float32"), 2, "python takes no 'kind'"),
    (("event-remedy", "--to", "sql", "--dialect", "oracle"), 2, "'oracle' is not one of"),
    (("event-remedy", "--to", "json", "--out", "no/f.json"), 2, "there is no folder no"),
    (("event-remedy", "--to", "json", "--out", "."), 2, "is a folder"),
    (("nothing", "--to", "json"), 2, "'nothing' does not exist"),
])  # fmt: skip
def test_bad_usage(folder, words, code, message):
    done = quick(folder, "export", *words)
    assert done.code == code
    assert message in done.err


def test_formats_and_dialects_of_the_shell_are_those_of_the_library():
    from trueup.adapters.export import TARGETS
    from trueup.adapters.sql import DIALECTS as DIALECTS_HERE
    from trueup.cli.export import DIALECTS, FORMATS

    assert set(FORMATS) == set(TARGETS) and set(DIALECTS) == set(DIALECTS_HERE)
