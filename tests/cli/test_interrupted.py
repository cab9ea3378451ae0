"""Ctrl-C and kill: a file is whole or not there, and the history opens again."""

from __future__ import annotations

import signal
import threading
import time

import duckdb
import pandas as pd
import pytest

from cli.shell import event_frame, quick, run, start


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A remedy, and a table that takes a second or so to correct."""
    place = tmp_path_factory.mktemp("interrupted")
    event_frame(400).to_parquet(place / "small.parquet")
    done = quick(place, "audit", "small.parquet", "--save", "remedy", "--no-history")
    assert done.code == 0, done.err
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT range AS id, random()::FLOAT AS p, md5(range::VARCHAR) AS text "
            f"FROM range(2_000_000)) TO '{place}/large.parquet'"
        )
    return place


def partials(folder) -> list:
    return list(folder.glob(".*.partial"))


def stopped(folder, sign, *, out: str):
    """``apply`` stopped by a signal while its output is being written."""
    process = start(folder, "apply", "remedy", "large.parquet", "--out", out)
    end = time.monotonic() + 60
    while not partials(folder) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    assert process.poll() is None, "apply ended before it could be stopped"
    process.send_signal(sign)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize("before", [None, b"as it was"])
def test_ctrl_c_in_apply_leaves_no_output(folder, before):
    out = folder / "stopped.parquet"
    out.unlink(missing_ok=True)
    if before:
        out.write_bytes(before)
    code, err = stopped(folder, signal.SIGINT, out=out.name)
    assert code == 130, err
    assert "Traceback" not in err
    assert (out.read_bytes() if out.exists() else None) == before
    assert not partials(folder)


def test_a_killed_apply_leaves_no_output_under_its_name(folder):
    out = folder / "killed.parquet"
    code, _ = stopped(folder, signal.SIGKILL, out=out.name)
    assert code == -signal.SIGKILL
    assert not out.exists()
    for partial in partials(folder):  # what nobody could clean up is hidden, and harms nobody
        partial.unlink()
    again = run(folder, "apply", "remedy", "large.parquet", "--out", out.name)
    assert (again.code, again.err) == (0, "")
    assert len(pd.read_parquet(out, columns=["id"])) == 2_000_000


def test_ctrl_c_in_an_audit_leaves_nothing(folder, tmp_path):
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT (random() < 0.5)::INT AS y, random() AS p, range % 90 AS a, "
            f"range % 20 AS b FROM range(4_000_000)) TO '{tmp_path}/long.parquet'"
        )
    process = start(tmp_path, "audit", "long.parquet", "--by", "a", "--by", "b", "--json", "x.json")
    time.sleep(1.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert out == ""
    assert [f.name for f in tmp_path.iterdir()] == ["long.parquet"]


SLOW = """
import duckdb, sys, time
from pathlib import Path
from types import SimpleNamespace
from trueup.audit import history
real = duckdb.connect
class Slow:
    def __init__(self, *a, **k): self.c = real(*a, **k)
    def execute(self, sql, *a):
        if sql.startswith(sys.argv[1]): Path("ready").touch(); time.sleep(60)
        return self.c.execute(sql, *a)
    def executemany(self, *a): return self.c.executemany(*a)
    def close(self): self.c.close()
history.duckdb = SimpleNamespace(connect=Slow, Error=duckdb.Error)
import trueup as tu
tu.audit("small.parquet", history=True)
"""


@pytest.mark.parametrize("at", ["CREATE", "COMMIT"])
def test_a_history_survives_a_kill_while_it_is_written(folder, tmp_path, at):
    import subprocess
    import sys

    (tmp_path / "small.parquet").write_bytes((folder / "small.parquet").read_bytes())
    assert quick(tmp_path, "audit", "small.parquet").code == 0
    process = subprocess.Popen([sys.executable, "-c", SLOW, at], cwd=tmp_path)
    end = time.monotonic() + 60
    while not (tmp_path / "ready").exists() and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait(timeout=60)
    done = quick(tmp_path, "history")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 2  # the one before, and nothing of the one that died
    assert quick(tmp_path, "audit", "small.parquet").code == 0
    assert len(quick(tmp_path, "history").out.splitlines()) == 3


def test_two_audits_writing_one_history_are_both_remembered(folder, tmp_path):
    (tmp_path / "small.parquet").write_bytes((folder / "small.parquet").read_bytes())
    writers = [start(tmp_path, "audit", "small.parquet") for _ in range(3)]
    for writer in writers:
        _, err = writer.communicate(timeout=120)
        assert (writer.returncode, err) == (0, "")
    assert len(quick(tmp_path, "history").out.splitlines()) == 4


def test_an_audit_waits_for_the_one_that_is_writing(folder, tmp_path):
    import subprocess
    import sys

    (tmp_path / "small.parquet").write_bytes((folder / "small.parquet").read_bytes())
    assert quick(tmp_path, "audit", "small.parquet").code == 0
    hold = "import duckdb, sys; c = duckdb.connect('.trueup/history.duckdb'); " \
           "print('held', flush=True); sys.stdin.read(); c.close()"  # fmt: skip
    holder = subprocess.Popen([sys.executable, "-c", hold], cwd=tmp_path, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    threading.Timer(1.5, holder.stdin.close).start()
    done = run(tmp_path, "audit", "small.parquet")
    holder.wait(timeout=30)
    holder.stdout.close()
    assert (done.code, done.err) == (0, "")
    assert len(quick(tmp_path, "history").out.splitlines()) == 3


def test_a_reader_that_leaves_early_is_no_error(folder):
    import subprocess

    process = start(folder, "methods")
    head = process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert "method" in head
    assert "Traceback" not in err
    assert isinstance(process, subprocess.Popen)
