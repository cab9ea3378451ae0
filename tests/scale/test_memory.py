"""Memory and streaming at size: each command in a process of its own, measured by the system.

The bounds are of the peak resident set of the whole process. The slow tests are the sizes that the
library promises; the others are those that every run can afford.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest


MIB = 1024

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc"
)

MEASURE = """
import json, re, resource, sys, time
from trueup.cli import main
sys.argv = ["trueup", *sys.argv[1:]]
started = time.perf_counter()
try:
    main()
except SystemExit as left:
    code = left.code
own = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss: a new process inherits that of the one that started it.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
seconds = time.perf_counter() - started
print(json.dumps({"code": code, "peak": peak, "seconds": seconds,
                  "cpu": own.ru_utime + own.ru_stime}), file=sys.stderr)
"""


def measured(folder, *words: str) -> dict:
    """Code, peak (KiB), seconds and CPU seconds of a command."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *words], cwd=folder, check=True,
                          capture_output=True, text=True, timeout=900)  # fmt: skip
    [line] = done.stderr.splitlines()  # and nothing else on that stream
    row = json.loads(line)
    print(f"{' '.join(words)}: {row['peak'] / MIB:.0f} MiB, {row['seconds']:.1f} s, "
          f"{row['cpu']:.1f} CPU s")  # fmt: skip
    return row


def written(folder, rows: int, *, kind: str = "parquet") -> str:
    """A file of over-confident predictions, made by the engine."""
    name = f"rows-{rows}.{kind}"
    sql = f"""
        COPY (
            SELECT i AS id, (random() < 1 / (1 + exp(-0.7 * z)))::TINYINT AS y,
                (1 / (1 + exp(-z)))::FLOAT AS p, 'region_' || (i * 7919 % 20) AS region,
                'site_' || (i * 104729 % 10) AS site, i // 10 AS patient
            FROM (SELECT range AS i, 3 * (random() + random() + random() - 1.5) AS z
                  FROM range({rows}))
        ) TO '{folder / name}'
    """
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(sql)
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A remedy, saved from a small table."""
    place = tmp_path_factory.mktemp("scale")
    small = written(place, 50_000)
    assert measured(place, "audit", small, "--no-history", "--save", "remedy")["code"] == 0
    return place


AUDIT = ("--by", "region", "--by", "site", "--key", "id", "--no-history")


def test_an_audit_of_five_million_rows(folder):
    small, large = (
        measured(folder, "audit", written(folder, rows), *AUDIT) for rows in (1_000_000, 5_000_000)
    )
    assert large["code"] == 0
    assert large["peak"] < 500 * MIB  # measured: 347 MiB
    assert large["peak"] < 1.5 * small["peak"]  # it hardly grows with the number of rows


def test_apply_to_five_million_rows(folder):
    name = written(folder, 5_000_000)
    row = measured(folder, "apply", "remedy", name, "--out", "out.parquet")
    assert row["code"] == 0
    assert row["peak"] < 450 * MIB  # measured: 283 MiB


def test_apply_streams_csv(folder):
    name = written(folder, 2_000_000, kind="csv")
    row = measured(folder, "apply", "remedy", name, "--out", "out.csv")
    assert row["code"] == 0
    assert row["peak"] < 550 * MIB  # measured: 340 MiB
    with (folder / name).open() as one, (folder / "out.csv").open() as two:
        for before, after in zip(one, two, strict=True):
            old, new = before.rstrip("\n").split(","), after.rstrip("\n").split(",")
            assert old[:2] + old[3:] == new[:2] + new[3:]
            if old[0] == "20000":
                break


@pytest.mark.slow
def test_apply_to_fifty_million_rows_within_two_gigabytes(folder):
    name = written(folder, 50_000_000)
    row = measured(folder, "apply", "remedy", name, "--out", "out.parquet")
    assert row["code"] == 0
    assert row["peak"] < 2_048 * MIB


@pytest.mark.slow
def test_an_audit_of_fifty_million_rows_within_one_gigabyte(folder):
    row = measured(folder, "audit", written(folder, 50_000_000), *AUDIT)
    assert row["code"] == 0
    assert row["peak"] < 1_024 * MIB
