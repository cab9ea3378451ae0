"""Polars' own ways: its streaming engine reads, the kernel adds up."""

from __future__ import annotations

from typing import Any

import numpy as np

from trueup.core.groups import integer_keys
from trueup.core.tables.kernel import Kernel, absorb, batch_of
from trueup.core.tables.source import BATCH


PACKAGES = ("polars",)


def read(path: str, threads: int) -> Any:
    """Files as a lazy frame; Polars decides on its threads when it is imported."""
    import polars

    if ".csv" in path or ".tsv" in path:
        return polars.scan_csv(path, separator="\t" if ".tsv" in path else ",")
    return polars.scan_parquet(path)


def rename(table: Any, names: dict[str, str]) -> Any:
    """All columns at once."""
    return table.rename(names)


def micros(table: Any, column: str) -> Any:
    """Microseconds since 1970."""
    import polars

    return table.with_columns(polars.col(column).cast(polars.Datetime("us")).dt.timestamp("us"))


def digest(table: Any, column: str) -> Any:
    """The hash of ``groups`` itself, batch by batch."""
    import polars

    def made(texts: Any) -> Any:
        known = texts.is_not_null().to_numpy()
        number = np.zeros(len(texts), dtype=np.int64)
        number[known] = integer_keys(texts.drop_nulls().to_numpy().astype(object))
        return polars.Series(texts.name, number).set(~polars.Series(known), None)

    text = polars.col(column).cast(polars.String)
    return table.with_columns(text.map_batches(made, return_dtype=polars.Int64))


def numbered(table: Any, column: str) -> Any:
    """Rows numbered in their order."""
    return table.with_row_index(column)


def arrays(table: Any) -> dict:
    """A small result."""
    result = table.collect(engine="streaming")
    return {name: result[name].to_numpy() for name in result.columns}


def summed(table: Any, kernel: Kernel) -> dict:
    """Batches by the kernel, as they come out of the streaming engine."""
    total: dict = {}
    for batch in table.collect_batches(chunk_size=BATCH, maintain_order=True, engine="streaming"):
        absorb(total, batch_of(kernel, {name: batch[name].to_numpy() for name in batch.columns}))
    return total
