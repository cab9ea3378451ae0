"""Dask's own ways: the kernel goes to the partitions, on a cluster if a client is active."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from trueup.core.groups import integer_keys
from trueup.core.tables.kernel import Kernel, absorb, batch_of


PACKAGES = ("dask", "pandas", "pyarrow")
FAN = 8
"""Partial sums that are added at once."""


def read(path: str, threads: int) -> Any:
    """Files as a table: on the cluster at ``DASK_SCHEDULER_ADDRESS`` where that is set, on that
    of the active client, or else here on all cores."""
    import dask.dataframe as frames

    if os.environ.get("DASK_SCHEDULER_ADDRESS"):
        from distributed import Client

        Client(set_as_default=True)
    if ".csv" in path or ".tsv" in path:
        return frames.read_csv(path, sep="\t" if ".tsv" in path else ",")
    return frames.read_parquet(path)


def rename(table: Any, names: dict[str, str]) -> Any:
    """All columns at once."""
    return table.rename(columns=names)


def micros(table: Any, column: str) -> Any:
    """Microseconds since 1970; missing stays missing."""
    import pandas

    def made(part: Any) -> Any:
        times = pandas.to_datetime(part[column]).to_numpy(dtype="datetime64[us]")
        number = times.astype(np.int64).astype(np.float64)
        return part.assign(**{column: np.where(np.isnat(times), np.nan, number)})

    return table.map_partitions(made, meta=_with(table, column, np.float64))


def digest(table: Any, column: str) -> Any:
    """The hash of ``groups`` itself, partition by partition."""

    def made(part: Any) -> Any:
        known = part[column].notna().to_numpy()
        number = np.full(len(part), np.nan)
        number[known] = integer_keys(part[column][known].astype(str).to_numpy(dtype=object))
        return part.assign(**{column: number})

    return table.map_partitions(made, meta=_with(table, column, np.float64))


def _with(table: Any, column: str, kind: type) -> Any:
    """What the table looks like when ``column`` holds another kind."""
    return table._meta.assign(**{column: np.zeros(0, dtype=kind)})


def numbered(table: Any, column: str) -> Any:
    """Rows numbered through all partitions, in their order."""
    import dask.dataframe as frames
    from dask.base import compute
    from dask.delayed import delayed

    counts = compute(*(delayed(len)(part) for part in table.iloc[:, :1].to_delayed()))
    starts = np.cumsum([0, *counts]).tolist()

    def made(part: Any, start: int) -> Any:
        return part.assign(**{column: np.arange(start, start + len(part))})

    parts = [delayed(made)(part, n) for part, n in zip(table.to_delayed(), starts, strict=False)]
    return frames.from_delayed(parts, meta=_with(table, column, np.int64), verify_meta=False)


def arrays(table: Any) -> dict:
    """A small result.

    What is shuffled for it is small too, and Dask's peer-to-peer shuffle fails on columns of text
    (distributed 2026.8: ``KeyError`` in ``convert_shards``).
    """
    import dask.config

    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        result = table.compute()
    return {name: result[name].to_numpy() for name in result.columns}


def summed(table: Any, kernel: Kernel) -> dict:
    """Partitions by the kernel where they are, their sums added in a tree."""
    from dask.delayed import delayed

    once = delayed(kernel)
    sums = [delayed(_partition)(once, part) for part in table.to_delayed()]
    while len(sums) > 1:
        sums = [delayed(_added)(sums[i : i + FAN]) for i in range(0, len(sums), FAN)]
    return sums[0].compute()


def _partition(kernel: Kernel, part: Any) -> dict:
    return batch_of(kernel, {name: part[name].to_numpy() for name in part.columns})


def _added(sums: list[dict]) -> dict:
    total: dict = {}
    for one in sums:
        absorb(total, one)
    return total
