"""Spark's own ways: no Python on the workers, so that nothing needs to be installed there."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

from trueup.core.errors import MissingPackage


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
    if glob(path):  # noqa: PTH207  Java's working folder is the one that it was started in
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

    context = SparkContext._active_spark_context
    with contextlib.suppress(Exception):  # the context may be gone, which is as good
        if context is not None:
            context.cancelAllJobs()


def _session(threads: int) -> Any:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    if SparkSession.getActiveSession() is None and not any(map(os.environ.get, SETTINGS)):
        demand_java()
        builder = builder.master(f"local[{threads}]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        builder = builder.config("spark.log.level", "ERROR")
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
