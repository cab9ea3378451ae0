"""A table that stays where it is, as the rest of the library sees it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from trueup.core.errors import EvidenceError, TrueupError
from trueup.core.tables.labels import table_values
from trueup.core.tables.remote.engines import Engine, lazy


FAMILIES = (
    "pyspark", "py4j", "dask", "distributed", "polars", "ibis", "duckdb", "_duckdb", "pyarrow",
    "pandas", "fsspec", "narwhals",
)  # fmt: skip
"""Whose errors are about the table; those of others are mistakes, to be seen as they are."""


@dataclass(eq=False)
class RemoteTable:
    """A lazy frame of an engine, and what its columns are called and hold.

    Attributes
    ----------
    engine
        Where it lives.
    name
        What to call it in messages.
    frame
        The rows; columns are called ``c0``, ``c1``, ...: no name can do harm.
    safe
        The user's name -> the name in ``frame``.
    """

    engine: Engine
    name: str
    frame: nw.LazyFrame
    safe: dict[str, str]

    @classmethod
    def of(cls, engine: Engine, native: Any, name: str) -> RemoteTable:
        """The table behind a native one."""
        names = lazy(native).collect_schema().names()
        safe = {name: f"c{i}" for i, name in enumerate(names)}
        return cls(engine, name, lazy(engine.way.rename(native, safe)), safe)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Name -> Narwhals type."""
        found = self.frame.collect_schema()
        return {name: found[safe] for name, safe in self.safe.items()}

    @property
    def columns(self) -> dict[str, str]:
        """Name -> type in words."""
        return {name: str(kind) for name, kind in self.schema.items()}

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.arrays(self.frame.select(nw.len().alias("n")))["n"][0])

    def kind(self, column: str) -> str:
        """``"number"``, ``"integer"``, ``"text"``, ``"time"`` or ``"flag"``."""
        found = self.schema[column]
        if found.is_integer():
            return "integer"
        if found.is_numeric():
            return "number"
        if found.is_temporal():
            return "time"
        return "flag" if found == nw.Boolean else "text"

    def require(self, who: str, names: list[str]) -> None:
        """Refuse names of columns that the table does not have."""
        missing = [name for name in names if name not in self.safe]
        if missing:
            raise EvidenceError(
                who,
                f"no column {missing[0]!r} in {self.name}; it has {list(self.safe)[:20]}",
                do="Name columns as they are written in the table",
            )

    def arrays(self, frame: nw.LazyFrame) -> dict[str, np.ndarray]:
        """A small result, column by column."""
        return self.engine.arrays(frame)

    def values(self, frame: nw.LazyFrame, column: str, *, limit: int) -> list[tuple[Any, str, int]]:
        """(value, text, rows) of the values of ``column`` in ``frame``, the most frequent first."""
        counted = frame.filter(~nw.col(column).is_null()).group_by(column).agg(nw.len().alias("n"))
        found = self.arrays(counted.sort("n", column, descending=[True, False]).head(limit))
        small = counted.collect_schema()[column] == nw.Float32
        rows = [
            (value, _text(np.float32(value) if small else value), int(n))
            for value, n in zip(_plain(found[column]), found["n"], strict=True)
        ]
        return sorted(rows, key=lambda row: (-row[2], row[1]))


@contextlib.contextmanager
def open_remote(data: Any, engine: Engine, *, threads: int = 2) -> Iterator[RemoteTable]:
    """The table behind ``data``, a native table of ``engine`` or a path that it reads.

    Raises
    ------
    EvidenceError
        The engine cannot read the table, or it has no rows.
    """
    is_path = isinstance(data, str | Path)
    name = Path(data).name if is_path else type(data).__name__
    try:
        native = engine.way.read(str(data), threads) if is_path else data
        with getattr(engine.way, "interruptible", contextlib.nullcontext)():
            table = RemoteTable.of(engine, native, name)
            if not table.rows:
                raise EvidenceError("trueup", f"{name} has no rows", do="Pass a table with rows")
            yield table
    except Exception as error:
        family = type(error).__module__.split(".")[0]
        if isinstance(error, TrueupError) or not (family in FAMILIES or isinstance(error, OSError)):
            raise
        if "KeyboardInterrupt" in repr(error):
            raise KeyboardInterrupt from error
        raise EvidenceError(
            "trueup",
            f"{data if is_path else f'the {name}'} cannot be read by {engine.name}: "
            f"{_first_line(error)}",
            do="Check the path, the table and the engine's own log",
        ) from error


@table_values.register
def _(table: RemoteTable, column: str, *, limit: int) -> list[tuple[str, int]]:
    frame = table.frame.select(nw.col(table.safe[column]).alias("value"))
    return [(text, n) for _, text, n in table.values(frame, "value", limit=limit)]


def _plain(values: np.ndarray) -> list:
    """Values as Python has them."""
    return (values.astype("datetime64[us]") if values.dtype.kind == "M" else values).tolist()


def _text(value: Any) -> str:
    """A value as DuckDB writes it, so that slices and classes have one name everywhere."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text.rstrip("0") if "." in text and ":" in text else text


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:300]
