"""The engines as rows: what each of them does in its own way; all else is one expression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import narwhals as nw
import numpy as np

from trueup.core.errors import MissingPackage, UsageError
from trueup.core.tables.remote import dask, duckdb, ibis, polars, spark


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes
    ----------
    name
        What ``engine=`` calls it.
    types
        (module, class) of its tables; a module's parts may follow.
    way
        Module of its own ways. ``read(path, threads)`` opens files; ``rename(table, names)``
        renames columns; ``micros(table, column)`` puts microseconds since 1970 in the place of
        times; ``digest(table, column)`` puts a portable number in the place of text;
        ``arrays(table)`` fetches a small result. ``numbered(table, column)`` numbers rows in their
        order, where they have one. ``summed(table, kernel)`` adds up batches by the kernel.
        ``unpivot`` where Narwhals' does not serve, and
        ``interruptible()`` where Ctrl-C needs help.
    """

    name: str
    types: tuple[tuple[str, str], ...]
    way: Any

    @property
    def ordered(self) -> bool:
        """Whether rows have a place."""
        return hasattr(self.way, "numbered")

    @property
    def batched(self) -> bool:
        """Whether the NumPy kernel adds the rows up whatever is predicted."""
        return self.name in BATCHED

    @property
    def sends(self) -> bool:
        """Whether rows that the kernel adds up come here, out of a process that has no Python."""
        return self.name in SENDING

    def owns(self, data: Any) -> bool:
        """Whether ``data`` is one of its tables."""
        kind = type(data)
        return any(
            kind.__name__ == name and kind.__module__.startswith(module)
            for module, name in self.types
        )

    def change(self, frame: nw.LazyFrame, how: Callable, *arguments: Any) -> nw.LazyFrame:
        """``frame`` after a change in the engine's own way."""
        return lazy(how(frame.to_native(), *arguments))

    def arrays(self, frame: nw.LazyFrame) -> dict[str, np.ndarray]:
        """A small result, column by column."""
        return {k: np.asanyarray(v) for k, v in self.way.arrays(frame.to_native()).items()}

    def unpivot(self, frame: nw.LazyFrame, on: list[str], index: list[str]) -> nw.LazyFrame:
        """A row for every column of ``on``: its name as ``variable``, its content as ``value``."""
        if hasattr(self.way, "unpivot"):
            return self.change(frame, self.way.unpivot, on, index)
        return frame.unpivot(on=on, index=index, variable_name="variable", value_name="value")


ENGINES = (
    Engine("spark", (("pyspark.", "DataFrame"),), spark),
    Engine("dask", (("dask.", "DataFrame"),), dask),
    Engine("polars", (("polars.", "LazyFrame"),), polars),
    Engine("ibis", (("ibis.", "Table"),), ibis),
    Engine("duckdb", (("duckdb", "DuckDBPyRelation"), ("_duckdb", "DuckDBPyRelation")), duckdb),
)
BATCHED = ("polars", "dask")
"""Engines where the kernel is cheaper than a group-by."""
SENDING = ("ibis", "duckdb")
"""Engines that hand their rows over where no group-by serves."""
READERS = ("duckdb", "polars", "dask", "spark")
"""Engines that ``engine=`` can name: those that read files."""


def engine_of(data: Any) -> Engine | None:
    """The engine that ``data`` lives in; None where trueup reads it itself."""
    return next((installed(engine) for engine in ENGINES if engine.owns(data)), None)


def engine_called(name: str) -> Engine:
    """The engine ``name``, which must be installed.

    Raises
    ------
    UsageError
        There is no such engine.
    MissingPackage
        Its package is not installed.
    """
    if name not in READERS:
        raise UsageError("engine", f"there is no engine {name!r}", do=f"Use one of {READERS}")
    return installed(next(engine for engine in ENGINES if engine.name == name))


def installed(found: Engine) -> Engine:
    """The same engine, if all that it needs is installed."""
    missing = [package for package in found.way.PACKAGES if find_spec(package) is None]
    if missing:
        raise MissingPackage(
            "engine",
            f"{found.name} needs the package {missing[0]}",
            do=f"Run: pip install 'trueup[{found.name}]'",
        )
    return found


def lazy(native: Any) -> nw.LazyFrame:
    """A native table as a lazy frame."""
    return nw.from_native(native).lazy()
