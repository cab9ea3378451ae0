"""A table of any kind, opened: read by trueup itself, or left where it lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from trueup.core.errors import UsageError
from trueup.core.tables.source import Table, open_table


@contextmanager
def opened(data: Any, *, threads: int = 2, engine: str = "") -> Iterator[Table]:
    """The table behind ``data``: what the profile, the plan and the pass are asked of.

    Parameters
    ----------
    data
        What ``open_table`` reads; or a Spark or Dask DataFrame, a polars LazyFrame, an Ibis table
        or a DuckDB relation, which stay where they are.
    threads
        Threads of an engine that starts here.
    engine
        Which engine reads the files of a path; empty means trueup itself.
    """
    with _chosen(data, threads, engine) as table:
        yield table


def _chosen(data: Any, threads: int, engine: str) -> AbstractContextManager[Any]:
    is_path = isinstance(data, str | Path)
    if threads < 1:
        raise UsageError("trueup", f"threads is {threads}", do="Pass 1 or more")
    if engine and not is_path:
        raise UsageError("engine", f"data is a {type(data).__name__}", do="Name one for a path")
    if engine in ("", "duckdb") and isinstance(data, str | Path | dict):
        return open_table(data, threads=threads)
    from trueup.core.tables.remote import passes  # noqa: F401, what it registers is what is asked
    from trueup.core.tables.remote.engines import engine_called, engine_of
    from trueup.core.tables.remote.table import open_remote

    found = engine_called(engine) if engine else engine_of(data)
    if found is None:
        return open_table(data, threads=threads)
    return open_remote(data, found, threads=threads)
