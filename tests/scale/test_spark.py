"""Spark: one local session; the cube and the audit are those of the kernel."""

from __future__ import annotations

import os
import shutil
import signal
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

import trueup as tu
from audit.forecasts import KINDS
from audit.tables import ids, scanned
from cli.shell import quick
from scale.elsewhere import AUDITS, CUTS, oracle, same, same_audit, table
from scale.numbers_elsewhere import (
    NUMBER_CUTS,
    number_scan,
    number_table,
    same_number_audit,
    same_numbers,
)
from trueup.core.errors import EvidenceError, MissingPackage
from trueup.core.tables.remote.spark import SETTINGS, interruptible


pytestmark = [
    # What pyspark leaves for the garbage collector; see its `_load_from_socket`.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(scope="module")
def session():
    """One quiet session in this process, stopped at the end."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("there is no Java here; tools/machine.sh java says how to get it")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        # Compiling each query costs more than running it on so few rows.
        "spark.sql.codegen.wholeStage": "false",
    }
    builder = sql.SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("OFF")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def rows(session):
    """The table in Spark."""
    return session.createDataFrame(table()).cache()


@pytest.mark.parametrize("cut", CUTS)
def test_the_cube_is_that_of_the_kernel(rows, cut):
    same(oracle(cut), scanned(rows, **CUTS[cut]))


@pytest.mark.parametrize("audit", AUDITS)
def test_the_audit_is_the_same(rows, audit):
    same_audit(tu.audit(rows, **AUDITS[audit]), audit)


@pytest.mark.parametrize(
    ("kind", "cut"),
    [("normal", cut) for cut in NUMBER_CUTS] + [(kind, "times and weights") for kind in KINDS[1:]],
)
def test_the_cube_of_forecasts_of_numbers_too(session, kind, cut):
    same_numbers(session.createDataFrame(number_table(kind)).repartition(3), kind, cut)


def test_the_audit_of_forecasts_of_numbers_too(session):
    same_number_audit(session.createDataFrame(number_table("quantiles")), "quantiles")


def test_forecasts_without_a_key_fall_into_groups_whatever_the_partitions(session):
    rows = session.createDataFrame(number_table("normal"))
    same(*(number_scan("normal", rows.repartition(n), by=("site",)) for n in (1, 5)))


def test_bad_forecasts_are_refused(session):
    rows = session.createDataFrame(number_table("normal"))
    with pytest.raises(EvidenceError, match="3 rows are of an sd that is not positive; one of"):
        spoiled = rows.selectExpr("y", "mean", "if(id IN (-900, -863, -826), 0.0, sd) AS sd")
        tu.audit(spoiled, truth="y", mean="mean", sd="sd")


def test_workers_without_the_library_are_told_what_to_install(session, monkeypatch):
    def lacking(batches, kernel):
        raise ModuleNotFoundError("No module named 'trueup'")

    monkeypatch.setattr("trueup.core.tables.remote.spark._partition", lacking)
    rows = session.createDataFrame(number_table("points"))
    with pytest.raises(MissingPackage, match=r"in Python: .*'trueup'. Install trueup and pyarrow"):
        number_scan("points", rows, key="id")


def test_groups_do_not_depend_on_partitions(rows):
    one, two = (scanned(rows.repartition(n), by=("site",)) for n in (1, 7))
    same(one, two)


def test_the_command_reads_files_with_it(session, tmp_path):
    pq.write_table(table(), tmp_path / "rows.parquet")
    words = ("audit", "rows.parquet", "--truth", "y", "--prob", "p", "--by", "site", "--no-history")
    found, said = (quick(tmp_path, *words, "--engine", e) for e in ("spark", "duckdb"))
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines()[0] == said.out.splitlines()[0]
    done = quick(tmp_path, "audit", tmp_path / "none.parquet", "--engine", "spark")
    assert done.code == 3
    assert "cannot be read by spark: [PATH_NOT_FOUND]" in done.err
    assert len(done.err.splitlines()) == 1


def test_wrong_columns_are_refused(rows):
    with pytest.raises(EvidenceError, match="no column 'q' in DataFrame; it has"):
        tu.audit(rows, truth="y", prob="q")
    with pytest.raises(EvidenceError, match=r"200 rows .* are outside \[0, 1\]; one of them holds"):
        spoiled = rows.selectExpr("y", "if(id < 200, p + 1.5, p) AS p")
        tu.audit(spoiled, truth="y", prob="p")


def test_csv_is_read(session, tmp_path):
    lines = ["y,p", *(f"{i % 2},{(i % 9 + 0.5) / 9}" for i in range(400))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    found = tu.audit(tmp_path / "rows.csv", engine="spark")
    assert found.primary.cube.n == 400
    assert np.isfinite(found.measures["log_loss"].value)
    assert ids(found)


def test_ctrl_c_is_an_interrupt_and_spark_gets_its_handler_back(session):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert session.range(3).count() == 3


def test_no_java_is_said_with_what_to_install(monkeypatch, tmp_path):
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    from pyspark.sql import SparkSession

    monkeypatch.setattr(SparkSession, "getActiveSession", classmethod(lambda cls: None))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("JAVA_HOME", *SETTINGS):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        MissingPackage, match=r"needs Java, and there is none here. Install Java 17"
    ):
        tu.audit("x.parquet", engine="spark")
