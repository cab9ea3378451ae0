"""A DuckDB relation's own ways: it stays on its connection."""

from __future__ import annotations

from typing import Any

from trueup.core.groups import FOLD
from trueup.core.tables.names import quoted


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
