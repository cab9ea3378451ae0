"""Spark's own ways: all is SQL, but for forecasts of numbers, whose kernel runs on the workers."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from trueup.core.errors import MissingPackage
from trueup.core.tables.number_kernel import NumberKernel
from trueup.core.tables.remote.batches import names_of, nothing, placed, rows_of, summed_batches


PACKAGES = ("pyspark", "pyarrow", "pandas")
SETTINGS = ("SPARK_REMOTE", "PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR", "SPARK_HOME", "MASTER")
"""Variables by which a user says where Spark runs; without any of them it runs here."""
PATIENCE = 5.0
"""Seconds that ending the jobs may take after Ctrl-C."""
EPOCH = "TIMESTAMP_NTZ'1970-01-01 00:00:00'"
NUMBER = "conv({hex}, 16, 10)::decimal(20, 0) % 1000003"


def read(path: str, threads: int) -> Any:
    """Files as a table of the running session, or of one that starts here."""
    session = _session(threads)
    # Java's working folder is the one that it was started in.
    if "://" not in path and glob.glob(path):  # noqa: PTH207, Path.glob takes no absolute pattern
        path = str(Path(path).absolute())
    with interruptible():
        if ".csv" in path or ".tsv" in path:
            sep = "\t" if ".tsv" in path else ","
            return session.read.csv(path, header=True, inferSchema=True, sep=sep)
        return session.read.parquet(path)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C through, and end what it leaves running.

    Spark's own handler asks Java to end the jobs over the connection on which an answer is awaited;
    both are lost, and what is raised is no interrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        ending = threading.Thread(target=_end_jobs, daemon=True)  # with a connection of its own
        ending.start()
        ending.join(PATIENCE)
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _end_jobs() -> None:
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context
    with contextlib.suppress(Exception):  # the context may be gone, which is as good
        context.cancelAllJobs()


def _session(threads: int) -> Any:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    if SparkSession.getActiveSession() is None and not any(map(os.environ.get, SETTINGS)):
        demand_java()
        builder = builder.master(f"local[{threads}]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        builder = builder.config("spark.log.level", "ERROR")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers: this Python
    return builder.appName("trueup").getOrCreate()


def demand_java() -> None:
    """Refuse to start Spark where it would fail with a page of its own.

    Raises
    ------
    MissingPackage
        There is no Java.
    """
    home = os.environ.get("JAVA_HOME", "")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").exists())):
        raise MissingPackage(
            "engine",
            "Spark needs Java, and there is none here",
            do="Install Java 17 or newer (on Debian the package default-jre-headless), "
            "or set JAVA_HOME",
        )


def rename(table: Any, names: dict[str, str]) -> Any:
    """By place: a dot in a name would be read as a path."""
    return table.toDF(*(names[name] for name in table.columns))


def micros(table: Any, column: str) -> Any:
    """Microseconds since 1970."""
    from pyspark.sql import functions as F

    instant = dict(table.dtypes)[column] == "timestamp"
    local = f"timestampdiff(MICROSECOND, {EPOCH}, cast({column} AS timestamp_ntz))"
    return table.withColumn(column, F.expr(f"unix_micros({column})" if instant else local))


def digest(table: Any, column: str) -> Any:
    """The lower half of the MD5, its bytes in the order of small machines; see ``groups``."""
    from pyspark.sql import functions as F

    digits = f"md5(cast({column} AS string))"
    turned = ", ".join(f"substr({digits}, {place}, 2)" for place in range(31, 16, -2))
    number = NUMBER.format(hex=f"concat({turned})")
    return table.withColumn(column, F.expr(f"cast({number} AS bigint)"))


def arrays(table: Any) -> dict:
    """A small result through Arrow."""
    result = table.toArrow()
    return {name: result[name].to_numpy(zero_copy_only=False) for name in result.column_names}


def summed(table: Any, kernel: NumberKernel) -> dict:
    """Partitions by the kernel on the workers; Spark adds up their cells. No sample is taken.

    Raises
    ------
    MissingPackage
        The workers' Python lacks a package.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F

    empty = nothing(kernel) | {"sample": []}
    sums = [f"c{i}" for i in range(len(names_of(empty)))]
    declared = ", ".join(["cell bigint", *(f"{name} double" for name in sums)])
    cells = table.mapInArrow(partial(_partition, kernel=kernel), declared)
    try:
        found = arrays(cells.groupBy("cell").agg(*(F.sum(name).alias(name) for name in sums)))
    except PySparkException as error:
        lacking = [line for line in str(error).splitlines() if "ModuleNotFoundError" in line]
        if not lacking:
            raise
        raise MissingPackage(
            "engine",
            f"Spark's workers sum forecasts of numbers in Python: {lacking[-1].strip()}",
            do="Install trueup and pyarrow where the workers run, or audit a copy as Parquet files",
        ) from error
    named = zip(sums, names_of(empty), strict=True)
    rows = {"cell": found["cell"]} | {name: found[column] for column, name in named}
    total = placed(rows, empty)
    del total["sample"]
    return total


def _partition(batches: Iterator[Any], kernel: NumberKernel) -> Iterator[Any]:
    import pyarrow

    rows = rows_of(summed_batches(batches, kernel))
    if len(rows["cell"]):
        names = ["cell", *(f"c{i}" for i in range(len(rows) - 1))]
        yield pyarrow.RecordBatch.from_arrays(list(map(pyarrow.array, rows.values())), names=names)
