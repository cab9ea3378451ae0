"""Open what a user has - a file, a DuckDB table, a frame - as rows that can be read in batches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.tables.files import escaped, find_files, kept_apart, parquet_piece
from trueup.core.tables.names import literal, quoted


BATCH = 500_000
"""Rows in a batch: large enough for NumPy, small enough for the cache and the memory."""


@dataclass(eq=False)
class Table:
    """Rows behind a DuckDB connection, in pieces that can be read by row number.

    Attributes
    ----------
    connection
        The connection; closed with the table.
    name
        What to call the table in messages.
    pieces
        (relation, column of the row number, rows) of every file or table.
    columns
        Name -> DuckDB type.
    """

    connection: duckdb.DuckDBPyConnection
    name: str
    pieces: list[tuple[str, str, int]] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(rows for _, _, rows in self.pieces)

    @property
    def relation(self) -> str:
        """All pieces as one relation, without row numbers."""
        return " UNION ALL BY NAME ".join(f"FROM {relation}" for relation, _, _ in self.pieces)

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query on a cursor of its own, so that threads do not meet."""
        with contextlib.closing(self.connection.cursor()) as cursor:
            return cursor.execute(sql).fetchall()

    def arrays(self, sql: str) -> dict[str, np.ndarray]:
        """Columns of a query as NumPy arrays."""
        with contextlib.closing(self.connection.cursor()) as cursor:
            columns = cursor.execute(sql).fetchnumpy()
        return {name: np.asanyarray(column) for name, column in columns.items()}

    def batches(self, *, size: int = BATCH) -> Iterator[tuple[str, str, int, int, int]]:
        """(relation, row column, first, last, rows before) of every batch, in order."""
        before = 0
        for relation, number, rows in self.pieces:
            for first in range(0, rows, size):
                yield relation, number, first, min(first + size, rows), before
            before += rows

    def kind(self, column: str) -> str:
        """``"number"``, ``"integer"``, ``"text"``, ``"time"`` or ``"flag"``."""
        declared = self.columns[column].split("(")[0]
        if declared in ("FLOAT", "DOUBLE", "DECIMAL"):
            return "number"
        if declared.endswith(("INT", "INTEGER")):
            return "integer"
        if declared.startswith(("TIMESTAMP", "DATE", "TIME")):
            return "time"
        return "flag" if declared == "BOOLEAN" else "text"

    def require(self, who: str, names: list[str]) -> None:
        """Refuse names of columns that the table does not have."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise EvidenceError(
                who,
                f"no column {missing[0]!r} in {self.name}; it has {list(self.columns)[:20]}",
                do="Name columns as they are written in the table",
            )


@contextlib.contextmanager
def open_table(
    data: Any, *, threads: int = 2, stream: bool = False, as_text: bool = False
) -> Iterator[Table]:
    """The table behind ``data``, closed on leaving.

    Parameters
    ----------
    data
        Path of Parquet or CSV files (a glob, or a folder of Parquet, too), ``file.duckdb::table``,
        a pandas, polars or Arrow table, a DuckDB relation, or a dict of arrays.
    threads
        Threads of the engine.
    stream
        Whether CSV files are left where they are, in rows that have no numbers: enough to copy
        them, not to judge them.
    as_text
        Whether the columns of streamed CSV files stay the text that they are.
    """
    if threads < 1:
        raise UsageError("trueup", f"threads is {threads}", do="Pass 1 or more")
    connection = duckdb.connect(config={"threads": threads})
    try:
        connection.execute("SET enable_progress_bar = false")
        is_path = isinstance(data, str | Path)
        if is_path:
            table = _open_path(connection, str(data), stream=stream, as_text=as_text)
        else:
            table = _open_frame(connection, data)
        described = connection.execute(f"SELECT * FROM ({table.relation}) LIMIT 0").description
        columns = {name: str(kind) for name, kind, *_ in described or []}
        table.columns = {n: kind for n, kind in columns.items() if n != "file_row_number"}
        if not (stream or table.rows):
            raise EvidenceError("trueup", f"{table.name} has no rows", do="Pass a table with rows")
        yield table
    except duckdb.Error as error:
        raise EvidenceError(
            "trueup", f"{_called(data)} cannot be read: {_first_line(error)}", do=_advice(error)
        ) from error
    except RuntimeError as error:
        if "interrupted" in str(error).lower():  # what Ctrl-C becomes inside a query
            raise KeyboardInterrupt from error
        raise
    finally:
        connection.close()


def _open_path(connection, path: str, *, stream: bool, as_text: bool) -> Table:
    if "::" in path:
        return _open_database(connection, *path.split("::", 1))
    files = find_files(path)
    suffix = "".join(Path(files[0]).suffixes).lower()
    table = Table(connection, Path(path).name)
    names = [literal(escaped(file)) for file in files]
    if suffix.endswith((".parquet", ".pq")):
        table.pieces += [parquet_piece(connection, name) for name in names]
        if stream:
            kept_apart(connection, names[0])
        return table
    if ".csv" in suffix or ".tsv" in suffix:
        options = "hive_partitioning = false" + ", all_varchar = true, header = true" * as_text
        relation = f"read_csv([{', '.join(names)}], {options})"
        if not stream:
            return _loaded(table, f"SELECT * FROM {relation}")
        table.pieces.append((relation, "", 0))
        return table
    raise UsageError(
        "trueup",
        f"{Path(path).name} has the ending '{suffix}'",
        do="Pass .parquet, .pq, .csv, .csv.gz, .tsv or file.duckdb::table",
    )


def _open_database(connection, path: str, name: str) -> Table:
    if not Path(path).exists():
        raise EvidenceError("trueup", f"there is no file {path}", do="Check the path")
    connection.execute(f"ATTACH {literal(path)} AS source (READ_ONLY)")
    known = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'source' UNION ALL "
        "SELECT view_name FROM duckdb_views() WHERE database_name = 'source' AND NOT internal"
    ).fetchall()
    if (name,) not in known:
        raise EvidenceError(
            "trueup",
            f"no table {name!r} in {path}; it has {[row[0] for row in known]}",
            do="Write file.duckdb::table",
        )
    relation = f"source.{quoted(name)}"
    try:
        sql = f"SELECT count(*), coalesce(max(rowid) + 1, 0) FROM {relation}"
        rows, end = connection.execute(sql).fetchall()[0]
    except duckdb.BinderException:  # the rows of a view have no numbers
        rows, end = 0, -1
    if rows != end:  # deleted rows leave gaps in the numbers
        return _loaded(Table(connection, name), f"SELECT * FROM {relation}")
    return Table(connection, name, [(relation, "rowid", rows)])


def _open_frame(connection, data: Any) -> Table:
    name = type(data).__name__
    if hasattr(data, "collect") and hasattr(data, "lazy"):  # a polars LazyFrame
        data = data.collect()
    if isinstance(data, duckdb.DuckDBPyRelation):
        data = data.fetchnumpy()
    try:
        connection.register("frame", _scannable(data))
    except (duckdb.Error, TypeError, ValueError) as error:
        raise UsageError(
            "trueup",
            f"cannot read a {type(data).__module__}.{name}",
            do="Pass a path, a pandas, polars or Arrow table, or a dict of arrays (n,)",
        ) from error
    table = _loaded(Table(connection, name), "SELECT * FROM frame")
    connection.unregister("frame")
    return table


def _scannable(data: Any) -> Any:
    """``data`` in a form that DuckDB reads without any other package."""
    if isinstance(data, dict):
        return {name: _plain(np.ma.asarray(values)) for name, values in data.items()}
    if type(data).__module__.startswith("polars") and not _has("pyarrow"):
        return {name: _plain(data[name].to_numpy()) for name in data.columns}
    return data


def _plain(array: np.ndarray) -> np.ndarray:
    if isinstance(array, np.ma.MaskedArray):
        missing, array = np.ma.getmaskarray(array), array.data
        if missing.any():
            array = array.astype(object)
            array[missing] = None
    if array.dtype.kind == "M":
        return array.astype("datetime64[us]")
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _has(package: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(package) is not None


def _loaded(table: Table, query: str) -> Table:
    """A table copied into the engine, where rows have numbers."""
    table.connection.execute(f"CREATE TABLE loaded AS {query}")
    rows = table.connection.execute("SELECT count(*) FROM loaded").fetchall()[0][0]
    table.pieces.append(("loaded", "rowid", rows))
    return table


def _called(data: Any) -> str:
    return str(data) if isinstance(data, str | Path) else f"the {type(data).__name__}"


def _first_line(error: Exception) -> str:
    first, *rest = str(error).strip().splitlines()
    # Of a bad CSV file the first line says where, a later one says what.
    told = next((line for line in rest if "onvert" in line), "") if "CSV" in first else ""
    return f"{first} {told}".strip().rstrip(".")[:300]


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "space" in text or "disk" in text:
        return "Free some disk space and try again"
    return "Check that the file is whole and of the kind that its ending says"
