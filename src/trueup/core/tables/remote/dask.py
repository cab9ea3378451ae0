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
    """Files as a table; on the cluster at ``DASK_SCHEDULER_ADDRESS`` where that is set."""
    import dask
    import dask.dataframe as frames

    if os.environ.get("DASK_SCHEDULER_ADDRESS"):
        from distributed import Client

        Client(set_as_default=True)
    else:
        dask.config.set(scheduler="threads", num_workers=threads)
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
    return table.assign(**{column: 1}).assign(**{column: lambda t: t[column].cumsum() - 1})


def arrays(table: Any) -> dict:
    """A small result."""
    result = table.compute()
    return {name: result[name].to_numpy() for name in result.columns}


def summed(table: Any, kernel: Kernel) -> dict:
    """Partitions by the kernel where they are, their sums added in a tree."""
    import dask

    once = dask.delayed(kernel)
    sums = [dask.delayed(_partition)(once, part) for part in table.to_delayed()]
    while len(sums) > 1:
        sums = [dask.delayed(_added)(sums[i : i + FAN]) for i in range(0, len(sums), FAN)]
    return sums[0].compute()


def _partition(kernel: Kernel, part: Any) -> dict:
    return batch_of(kernel, {name: part[name].to_numpy() for name in part.columns})


def _added(sums: list[dict]) -> dict:
    total: dict = {}
    for one in sums:
        absorb(total, one)
    return total
