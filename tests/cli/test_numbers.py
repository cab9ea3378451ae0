"""Forecasts of numbers from the command line, of every kind."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from audit.forecasts import KINDS, forecast_table
from cli.shell import quick, run


WORDS = {
    "normal": ("--mean", "mean", "--sd", "sd"),
    "quantiles": ("--quantile", "0.05=q0.05", "--quantile", "q0.5", "--quantile", "0.95=q0.95"),
    "ensemble": ("--members", "m*"),
    "intervals": ("--low", "low", "--high", "high", "--nominal", "0.9"),
    "points": ("--point", "value"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table of every kind, too narrow and a little high."""
    place = tmp_path_factory.mktemp("numbers")
    for kind in KINDS:
        table = forecast_table(kind, 3_000, spread=0.5, bias=0.4, members=12)
        frame = pd.DataFrame(table).assign(lead=[i % 3 for i in range(3_000)])
        frame.to_parquet(place / f"{kind}.parquet")
    return place


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_said(folder, kind):
    done = quick(folder, "audit", f"{kind}.parquet", "--truth", "y", *WORDS[kind], "--by", "lead",
                 "--no-history", "--json", f"{kind}.json", "--level", "0.9")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) < 25
    said = json.loads((folder / f"{kind}.json").read_text())
    assert (said["kind"], said["rows"], said["level"]) == (kind, 3_000, 0.9)
    assert said["findings"][0]["sentence"].rstrip(".") in done.out
    assert said["chosen"] != "none"


def test_the_level_of_an_interval_may_be_said_by_level_alone(folder):
    said = ("intervals.parquet", "--truth", "y", "--low", "low", "--high", "high", "--no-history")
    a = quick(folder, "audit", *said, "--level", "0.9", "--json", "a.json")
    b = quick(folder, "audit", *said, "--nominal", "0.9", "--json", "b.json")
    assert (a.code, b.code) == (0, 0)
    assert a.out.splitlines()[:-1] == b.out.splitlines()[:-1]  # the last line holds the seconds
    assert json.loads((folder / "a.json").read_text())["level"] == 0.95


def test_all_is_written_in_a_process_of_its_own(folder):
    done = run(folder, "audit", "quantiles.parquet", "--by", "lead", "--out", "q.html", "--save",
               "q", "--fail-if", "coverage_90<0.8")  # fmt: skip
    assert done.code == 1
    assert done.err.startswith("--fail-if: coverage_90 is 0.")
    lines = done.out.splitlines()
    assert lines[0].startswith("Taken from the column names: truth = y; 23 quantiles = q0.01, ")
    assert any(line.startswith("Widen it: apply ") for line in lines)
    assert (folder / "q.html").stat().st_size < 150_000
    history = run(folder, "history")
    assert (history.code, history.err) == (0, "")
    assert "wis" in history.out


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_is_compared_and_gates(folder, kind):
    frame = pd.read_parquet(folder / f"{kind}.parquet")
    frame["seen"] = frame["y"] + [(-1) ** i * 0.01 for i in range(len(frame))]
    frame.loc[:9, "seen"] = None
    frame.to_parquet(folder / f"{kind}-seen.parquet")
    said = (
        f"{kind}-seen.parquet",
        "--truth",
        "y",
        *WORDS[kind],
        "--against",
        "seen",
        "--no-history",
    )
    done = quick(folder, "audit", *said, "--json", "seen.json", "--fail-if", "skill<0")
    assert (done.code, done.err.startswith("--fail-if: skill is -")) == (1, True)
    assert len(done.out.splitlines()) < 25
    assert done.out.startswith("Worse than seen: its ")
    assert "above 0: better than seen" in done.out and "diebold_mariano_p_value" in done.out
    assert "10 rows have no finite number in seen" in done.out
    found = json.loads((folder / "seen.json").read_text())
    assert found["findings"][0]["id"] == "worse_than:seen"
    assert found["measures"]["skill"]["high"] < 0
    assert found["measures"]["diebold_mariano_p_value"]["value"] < 0.001
    assert (found["against"]["outcome"], found["against"]["rows"]) == ("worse", 2_990)


@pytest.mark.parametrize("engine", ["polars", "dask"])
def test_another_engine_refuses_in_words(folder, engine):
    pytest.importorskip(engine)
    said = ("points.parquet", "--truth", "y", "--point", "value", "--against", "y", "--no-history")
    done = quick(folder, "audit", *said, "--engine", engine)
    assert (done.code, done.out) == (2, "")
    assert "cannot be judged where they are" in done.err


USAGE = {
    "no level": (("--quantile", "middle"), "cannot read 'middle'. Write LEVEL=NAME"),
    "twice": (("--quantile", "0.1=a,0.1=b"), "a level was given twice"),
    "half": (("--low", "low"), "high is not named"),
    "no share": (("--low", "low", "--high", "high"), "Say --nominal 0.9"),
    "two kinds": (("--point", "low", "--mean", "low"), "Name one of"),
    "both": (("--point", "low", "--prob", "high"), "probabilities and a forecast were given"),
    "not numbers": (("--prob", "high", "--against", "low"), "is for forecasts of a number"),
    "gate": (("--fail-if", "coverage>1"), "cannot read 'coverage>1'"),
}


@pytest.mark.parametrize("case", list(USAGE))
def test_bad_usage_is_2(folder, case):
    words, text = USAGE[case]
    done = quick(folder, "audit", "intervals.parquet", *words, "--no-history")
    assert (done.code, done.out) == (2, "")
    assert text in done.err


def test_text_where_numbers_belong_is_3(folder):
    frame = pd.read_parquet(folder / "points.parquet")
    frame.assign(value="1,5").to_parquet(folder / "text.parquet")
    done = quick(folder, "audit", "text.parquet", "--truth", "y", "--point", "value")
    assert done.code == 3
    assert "column 'value' must hold numbers" in done.err
