"""Ibis' own ways, for warehouses: what every dialect of SQL can say."""

from __future__ import annotations

from typing import Any

from trueup.core.groups import FOLD
from trueup.core.tables.number_kernel import NumberKernel
from trueup.core.tables.remote.batches import summed_batches
from trueup.core.tables.source import BATCH


PACKAGES = ("ibis", "pyarrow")
DIGITS = "0123456789abcdef"


def rename(table: Any, names: dict[str, str]) -> Any:
    """All columns at once."""
    return table.rename({new: old for old, new in names.items()})


def micros(table: Any, column: str) -> Any:
    """Whole seconds since 1970, and the rest of a second."""
    time = table[column].cast("timestamp")
    number = time.truncate("s").epoch_seconds() * 1_000_000 + time.microsecond()
    return table.mutate(**{column: number})


def digest(table: Any, column: str) -> Any:
    """The lower half of the MD5 modulo ``FOLD``, digit by digit: see ``groups``."""
    import ibis

    text: Any = table[column].cast("string").hexdigest("md5")
    number: Any = ibis.literal(0)
    for place in range(16):  # bytes are turned around, the two digits of a byte are not
        digits: Any = ibis.literal(DIGITS)
        power = 2 * (place // 2) + (1 - place % 2)
        value = digits.find(text.substr(16 + place, 1)).cast("int64")
        number = number + value * pow(16, power, FOLD)
    return table.mutate(**{column: number % FOLD})


def arrays(table: Any) -> dict:
    """A small result through Arrow."""
    result = table.to_pyarrow()
    return {name: result[name].to_numpy(zero_copy_only=False) for name in result.column_names}


def summed(table: Any, kernel: NumberKernel) -> dict:
    """Batches by the kernel, as the warehouse sends them."""
    return summed_batches(_reader(table), kernel)


def _reader(table: Any) -> Any:
    backend = table.get_backend()
    connection = getattr(backend, "con", None)
    # Ibis 12 calls what DuckDB 2 no longer has.
    if backend.name != "duckdb" or hasattr(connection, "fetch_record_batch"):
        return table.to_pyarrow_batches(chunk_size=BATCH)
    relation = connection.sql(backend.compile(table))  # type: ignore[union-attr]
    return relation.to_arrow_reader(BATCH)
