"""A DuckDB relation's own ways: it stays on its connection."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from trueup.core.errors import MissingPackage
from trueup.core.groups import FOLD
from trueup.core.tables.names import quoted
from trueup.core.tables.number_kernel import NumberKernel
from trueup.core.tables.remote.batches import summed_batches
from trueup.core.tables.source import BATCH


PACKAGES = ("duckdb",)


def rename(table: Any, names: dict[str, str]) -> Any:
    """All columns at once."""
    return table.project(", ".join(f"{quoted(old)} AS {new}" for old, new in names.items()))


def micros(table: Any, column: str) -> Any:
    """Microseconds since 1970."""
    return table.project(f"* REPLACE (epoch_us({column}::TIMESTAMP) AS {column})")


def digest(table: Any, column: str) -> Any:
    """The hash of ``groups``."""
    number = f"(md5_number_lower({column}::VARCHAR) % {FOLD})::BIGINT"
    return table.project(f"* REPLACE ({number} AS {column})")


def unpivot(table: Any, on: list[str], index: list[str]) -> Any:
    """Written out: Narwhals' goes to another connection."""
    names, values = ", ".join(f"'{name}'" for name in on), ", ".join(on)
    stacked = f"unnest([{names}]) AS variable, unnest([{values}]) AS value"
    return table.project(f"{', '.join(index)}, {stacked}")


def arrays(table: Any) -> dict:
    """A small result, without pyarrow."""
    return table.fetchnumpy()


def summed(table: Any, kernel: NumberKernel) -> dict:
    """Batches by the kernel, as the connection makes them.

    Raises
    ------
    MissingPackage
        There is no pyarrow, through which rows stream.
    """
    if find_spec("pyarrow") is None:
        raise MissingPackage(
            "engine",
            "forecasts of numbers in a DuckDB relation stream through pyarrow",
            do="Run: pip install pyarrow",
        )
    reader = getattr(table, "to_arrow_reader", None) or table.fetch_arrow_reader  # before 1.5
    return summed_batches(reader(BATCH), kernel)
