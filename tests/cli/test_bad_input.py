"""Bad input: who, what with the value, why, what to do; the right code; nothing written or lost."""

from __future__ import annotations

import os
import shutil
import subprocess

import duckdb
import numpy as np
import pandas as pd
import pytest

from cli.shell import class_frame, event_frame, quick, run


@pytest.fixture
def here(tmp_path):
    """A folder with one good table."""
    event_frame(400).to_parquet(tmp_path / "good.parquet")
    return tmp_path


def refused(here, *words, code: int) -> str:
    """The message of a command that must fail, alone on its stream, with nothing written."""
    before = {f: f.read_bytes() for f in here.rglob("*") if f.is_file()}
    done = quick(here, "audit", *words, "--json", "never.json", "--save", "never", "--out",
                 "never.html")  # fmt: skip
    assert done.code == code, done.err or done.out
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("trueup: ")
    assert done.err.rstrip().endswith(".")
    assert {f: f.read_bytes() for f in here.rglob("*") if f.is_file()} == before
    return done.err


def spoiled(here, spoil, frame=None) -> str:
    """A file of a frame after ``spoil``."""
    spoil(event_frame(400) if frame is None else frame).to_parquet(here / "bad.parquet")
    return "bad.parquet"


USAGE = {
    "no role can be guessed": (["odd.parquet"], "which column is the truth? odd.parquet has ['a'"),
    "no probabilities": (["odd.parquet", "--truth", "a"], "which columns hold the prediction?"),
    "both kinds": (["good.parquet", "--prob", "p", "--probs", "p,w"], "both prob and probs"),
    "one class of several": (
        ["good.parquet", "--truth", "y", "--probs", "p"],
        "two columns or mor",
    ),
    "level": (["good.parquet", "--level", "95"], "level is 95.0. Pass a share in (0, 1)"),
    "threads": (["good.parquet", "--threads", "-3"], "threads is -3. Pass 1 or more"),
    "gate": (["good.parquet", "--fail-if", "aux>3"], "cannot read 'aux>3'. Write NAME>NUMBER"),
    "ending": (["good.xlsx"], "good.xlsx has the ending '.xlsx'. Pass .parquet"),
    "folder for a file": (
        ["good.parquet", "--json", "sub"],
        "--json: sub is a folder. Name a file",
    ),
    "no folder": (["good.parquet", "--out", "no/r.html"], "--out: there is no folder no. Make it"),
    "file for a folder": (["good.parquet", "--save", "good.parquet"], "good.parquet is a file"),
}


@pytest.mark.parametrize("case", USAGE)
def test_bad_usage_is_2(here, case):
    words, message = USAGE[case]
    pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}).to_parquet(here / "odd.parquet")
    (here / "good.xlsx").write_bytes(b"PK")
    (here / "sub").mkdir()
    done = quick(here, "audit", *words, "--no-history")
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert done.out == ""
    assert not (here / ".trueup").exists()


def test_unknown_options_and_commands_are_2(here):
    assert quick(here, "audit", "good.parquet", "--probability", "p").code == 2
    assert quick(here, "audits").code == 2
    assert quick(here, "audit").code == 2
    assert quick(here, "history", "--last", "0").code == 2
    assert "there is no question 'x'" in quick(here, "methods", "--question", "x").err


@pytest.mark.parametrize(("words", "message"), [
    (["none.parquet"], "there is no file none.parquet. Check the path."),
    (["none-*.parquet"], "there is no file none-*.parquet"),
    (["good.duckdb::t"], "there is no file good.duckdb"),
    (["base.duckdb::t"], "no table 't' in base.duckdb; it has ['other']"),
    (["good.parquet", "--truth", "z"], "no column 'z' in good.parquet; it has ['id', 'y', 'p',"),
    (["good.parquet", "--by", "Region"], "no column 'Region' in good.parquet"),
    (["empty"], "there is no file empty"),
    (["folder.parquet"], "there is no file folder.parquet"),
], ids=str)  # fmt: skip
def test_what_is_not_there_is_3(here, words, message):
    with duckdb.connect(str(here / "base.duckdb")) as connection:
        connection.execute("CREATE TABLE other AS SELECT 1 AS a")
    (here / "empty").mkdir()
    (here / "folder.parquet").mkdir()
    assert message in refused(here, *words, code=3)


FILES = {
    "truncated.parquet": (lambda raw: raw[: len(raw) // 2], "truncated.parquet cannot be read"),
    "tail.parquet": (lambda raw: raw[100:], "tail.parquet cannot be read"),
    "empty.parquet": (lambda raw: b"", "empty.parquet cannot be read"),
    "noise.parquet": (lambda raw: bytes(range(256)) * 40, "noise.parquet cannot be read"),
    "empty.csv": (lambda raw: b"", "empty.csv has no rows"),
    "header.csv": (lambda raw: b"y,p\n", "header.csv has no rows"),
    "noise.csv.gz": (lambda raw: b"\x1f\x8b no archive", "noise.csv.gz cannot be read"),
    "noise.duckdb::t": (lambda raw: b"no database at all" * 99, "cannot be read"),
}


@pytest.mark.parametrize("name", FILES)
def test_broken_files_are_3(here, name):
    make, message = FILES[name]
    (here / name.split("::")[0]).write_bytes(make((here / "good.parquet").read_bytes()))
    assert message in refused(here, name, code=3)


def test_a_file_damaged_in_its_middle_is_3(here):
    raw = bytearray((here / "good.parquet").read_bytes())
    raw[200:3_000] = b"\xff" * 2_800
    (here / "holes.parquet").write_bytes(raw)
    assert "holes.parquet cannot be read" in refused(here, "holes.parquet", code=3)


def rows(frame, chosen, **values):
    """``frame`` with other ``values`` in the rows where ``id`` is in ``chosen``."""
    for column, value in values.items():
        frame[column] = frame[column].astype(object).where(~frame["id"].isin(chosen), value)
    return frame.infer_objects()


EVENTS = {
    "null": (lambda f: f.assign(p=f["p"].where(f["id"] != 9)), [],
             "1 rows of ['p'] are missing; the first are rows [9] (counted from 0)"),
    "infinite": (lambda f: f.assign(p=f["p"].where(f["id"] < 390, np.inf)), [],
                 "10 rows of ['p'] are NaN or infinite; the first are rows [390, 391, 392, 393,"),
    "above one": (lambda f: f.assign(p=f["p"] * 100), [], "rows of ['p'] are outside [0, 1]"),
    "percent": (lambda f: f.assign(p=f["p"] * 100), [], "these look like percent: divide"),
    "logits": (lambda f: f.assign(p=np.log(f["p"] / (1 - f["p"]))), [], "these look like logits"),
    "below zero": (lambda f: f.assign(p=f["p"].where(f["id"] != 3, -0.01)), [],
                   "1 rows of ['p'] are outside [0, 1]; the first are rows [3]"),
    "text": (lambda f: f.assign(p=f["p"].astype(str).where(f["id"] != 5, "n/a")), ["--prob", "p"],
             "column 'p' must hold numbers; it holds VARCHAR, such as 'n/a'"),
    "weights": (lambda f: f.assign(w=f["w"].where(f["id"] != 4, -1.0)), ["--weight", "w"],
                "1 rows are of a missing, negative or infinite weight; the first are rows [4]"),
    "three labels": (lambda f: f.assign(y=f["id"] % 3), [], "has more than two labels: ['0', '1',"),
    "unknown labels": (lambda f: f.assign(y=f["y"] + 1), [], "which label of 'y' is the event? It"),
    "absent event": (lambda f: f, ["--positive", "7"], "which label of 'y' is the event?"),
    "one class": (lambda f: f.assign(y=1), [], "every row of 'y' is '1'; nothing can be said"),
    "no class": (lambda f: f.assign(y=np.nan), [], "has 0 rows to judge by"),
    "few rows": (lambda f: f.head(29), [], "has 29 rows to judge by; with fewer than 30 every"),
}  # fmt: skip


@pytest.mark.parametrize("case", EVENTS)
def test_impossible_events_are_3(here, case):
    spoil, words, message = EVENTS[case]
    assert message in refused(here, spoiled(here, spoil), *words, code=3)


def nan_in_parquet(here) -> str:
    """A file where NaN is NaN and not null."""
    with duckdb.connect() as connection:
        source = f"SELECT * REPLACE (if(id = 7, 'nan'::FLOAT, p) AS p) FROM '{here}/good.parquet'"
        connection.execute(f"COPY ({source}) TO '{here}/nan.parquet'")
    return "nan.parquet"


def test_nan_is_not_null_and_not_a_number(here):
    message = refused(here, nan_in_parquet(here), code=3)
    assert "1 rows of ['p'] are NaN or infinite; the first are rows [7]" in message
    assert "--drop-bad" in message


CLASSES = {
    "sums": (lambda f: rows(f, [2, 6], p_bee=0.0, p_ant=0.2, p_cat=0.1), [],
             "2 rows of ['p_ant', 'p_bee', 'p_cat'] are not summing to one; the first are rows"
             " [2, 6] (counted from 0). Say --normalize to divide by the sum, or --drop-bad"),
    "strange label": (lambda f: rows(f, [1], animal="dog"), [],
                      "labels ['dog'] of 'animal' are none of the 3 classes ['ant', 'bee', 'cat']"),
    "all zero": (lambda f: rows(f, [4], p_bee=0.0, p_ant=0.0, p_cat=0.0), ["--normalize"],
                 "1 rows of ['p_ant', 'p_bee', 'p_cat'] are all zero; the first are rows [4]"),
    "codes": (lambda f: f.assign(animal=f["id"] % 4 + 7), [], "none of the 3 classes ['0', '1',"),
    "names": (lambda f: f.rename(columns={"p_ant": "p_x", "p_bee": "p_y"}), [], "which class does"),
    "count": (lambda f: f, ["--classes", "ant,bee"], "none of the 3 classes ['ant', 'bee']"),
}  # fmt: skip


@pytest.mark.parametrize("case", CLASSES)
def test_impossible_classes_are_3(here, case):
    spoil, words, message = CLASSES[case]
    if case == "strange label":
        words = [*words, "--classes", "ant,bee,cat"]
    name = spoiled(here, spoil, class_frame(200))
    assert message in refused(here, name, "--truth", "animal", *words, code=3)


def test_rows_that_do_not_sum_can_be_normalized_or_dropped(here):
    frame = rows(class_frame(400), [2, 6], p_bee=0.5, p_ant=0.5, p_cat=0.5)
    frame.to_parquet(here / "sum.parquet")
    for option, n in (("--normalize", 400), ("--drop-bad", 398)):
        done = quick(here, "audit", "sum.parquet", "--truth", "animal", option, "--no-history")
        assert (done.code, done.err) == (0, "")
        assert f"{n} rows in" in done.out
    assert "2 rows were left out: not summing to one" in done.out


def test_rows_without_a_truth_are_left_out_and_said(here):
    name = spoiled(here, lambda f: f.assign(y=f["y"].astype(float).where(f["id"] >= 40)))
    done = quick(here, "audit", name, "--no-history")
    assert done.code == 0
    assert "40 rows (10.0%) have no truth yet and were left out" in done.out
    assert "360 rows in" in done.out


def test_duplicate_keys_are_said(here):
    name = spoiled(here, lambda f: f.assign(id=f["id"] // 2))
    done = quick(here, "audit", name, "--key", "id", "--no-history")
    assert done.code == 0
    assert "200 rows repeat a id seen before" in done.out


def test_text_after_the_first_rows_of_a_csv_is_3(here):
    frame = event_frame(30_000).astype({"p": str})
    frame.loc[29_990, "p"] = "broken"
    frame.to_csv(here / "late.csv", index=False)
    message = refused(here, "late.csv", "--truth", "y", "--prob", "p", code=3)
    assert "broken" in message


def test_an_unreadable_file_is_3(here):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (here / "good.parquet").chmod(0)
    assert "cannot be read" in refused(here, "good.parquet", code=3)


def test_a_damaged_history_costs_only_the_history(here):
    (here / ".trueup").mkdir()
    (here / ".trueup" / "history.duckdb").write_bytes(b"no database" * 100)
    done = quick(here, "audit", "good.parquet", "--json", "kept.json")
    assert done.code == 3
    assert "log_loss" in done.out
    assert (here / "kept.json").exists()
    assert "history: .trueup/history.duckdb cannot be opened" in done.err
    assert "--no-history" in done.err
    assert quick(here, "history").code == 3
    assert (here / ".trueup" / "history.duckdb").read_bytes() == b"no database" * 100


def test_a_history_of_something_else_is_told(here):
    (here / ".trueup").mkdir()
    with duckdb.connect(str(here / ".trueup" / "history.duckdb")) as connection:
        connection.execute("CREATE TABLE audits AS SELECT 1 AS a")
    done = quick(here, "audit", "good.parquet")
    assert done.code == 3
    assert "history.duckdb cannot be used" in done.err
    assert "log_loss" in done.out
    assert "cannot be used" in quick(here, "history").err


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte, where the system lets us make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True, check=False,
    ).returncode == 0  # fmt: skip
    if not mounted:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_nothing_half_written(here, small_disk):
    frame = event_frame(200_000)
    frame.to_parquet(here / "large.parquet")
    assert quick(here, "audit", "good.parquet", "--save", "remedy", "--no-history").code == 0
    done = quick(here, "apply", "remedy", "large.parquet", "--out", small_disk / "out.parquet")
    assert done.code == 3
    assert "out.parquet was not written" in done.err
    assert "space" in done.err
    assert not list(small_disk.iterdir())
    (small_disk / "fill").write_bytes(b"0" * (1_048_576 - 8_192))
    for words in (["--json", small_disk / "a.json"], ["--out", small_disk / "a.html"]):
        done = quick(here, "audit", "good.parquet", *words, "--no-history")
        assert done.code == 3
        assert "log_loss" in done.out
        assert "space" in done.err.lower()
    assert [f.name for f in small_disk.iterdir()] == ["fill"]


def test_a_history_on_a_full_disk_costs_only_the_history(here, small_disk):
    (small_disk / "fill").write_bytes(b"0" * (1_048_576 - 16_384))
    done = run(small_disk, "audit", here / "good.parquet")
    assert done.code == 3
    assert "log_loss" in done.out
    assert done.err.startswith("trueup: history: ")
    assert len(done.err.splitlines()) == 1
