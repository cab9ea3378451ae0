"""The NumPy kernel adds up what an engine hands over: batches of Arrow, cells as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import numpy as np

from trueup.core.cells import Cells
from trueup.core.tables.kernel import absorb
from trueup.core.tables.number_kernel import NumberKernel
from trueup.core.tables.source import BATCH


NUMBERS = 2**23
"""Numbers that are gathered before the kernel sees them: 64 MB."""


def summed_batches(batches: Iterable[Any], kernel: NumberKernel) -> dict:
    """The sums of rows that come as batches of Arrow, small ones joined first."""
    total = nothing(kernel)
    for arrays in _gathered(batches, min(BATCH, NUMBERS // kernel.form.width)):
        absorb(total, kernel.batch(arrays, arrays["r"]))
    return total


def _gathered(batches: Iterable[Any], rows: int) -> Iterator[dict[str, np.ndarray]]:
    import pyarrow

    waiting: list = []

    def joined() -> dict[str, np.ndarray]:
        table = pyarrow.Table.from_batches(waiting)
        return {name: table[name].to_numpy() for name in table.column_names}

    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows:
            yield joined()
            waiting.clear()
    if waiting:
        yield joined()


def nothing(kernel: NumberKernel) -> dict:
    """The sums of no rows: names and shapes of all that is summed."""
    plan, whole = kernel.plan, np.zeros(0, dtype=np.int64)
    arrays = {f"p{j}": np.zeros(0) for j in range(kernel.form.width)} | {"y": np.zeros(0)}
    arrays |= {f"s{i}": whole for i in range(len(plan.slicers))} | {"g": whole}
    arrays |= {"t": whole} if plan.clock else {}
    arrays |= {"w": np.zeros(0)} if plan.roles.weight else {}
    return kernel.batch(arrays, whole)


def names_of(total: dict) -> list[str]:
    """Names of all sums, the count first."""
    return list(dict.fromkeys(name for cells in _cells(total).values() for name in cells.names))


def rows_of(total: dict) -> dict[str, np.ndarray]:
    """The cells that hold rows, all sets of them under each other: ``cell``, and every sum."""
    columns: dict[str, list] = {name: [] for name in ("cell", *names_of(total))}
    before = 0
    for cells in _cells(total).values():
        filled = np.flatnonzero(cells["n"])
        columns["cell"].append(filled + before)
        for name in names_of(total):
            known = name in cells.names
            flat = cells[name].reshape(-1)[filled] if known else np.zeros(len(filled))
            columns[name].append(flat)
        before += prod(cells.shape)
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def placed(rows: dict[str, np.ndarray], empty: dict) -> dict:
    """The sums that ``rows_of`` wrote, at their places in those of no rows."""
    total, before = dict(empty), 0
    place = np.asarray(rows["cell"], dtype=np.int64)
    for key, cells in _cells(empty).items():
        size = prod(cells.shape)
        inside = (place >= before) & (place < before + size)
        sums = np.zeros((len(cells.names), size))
        for i, name in enumerate(cells.names):
            sums[i, place[inside] - before] = rows[name][inside]
        total[key] = Cells(cells.names, sums.reshape(len(sums), *cells.shape))
        before += size
    return total


def _cells(total: dict) -> dict[Any, Cells]:
    return {key: value for key, value in total.items() if isinstance(value, Cells)}
