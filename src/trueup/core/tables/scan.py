"""The one pass over a table that trueup reads itself: batches become cells, and cells add up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial, singledispatch

import numpy as np

from trueup.core.grid import Grid
from trueup.core.tables.kernel import Kernel, Scan, absorb, kept_one_in
from trueup.core.tables.names import quoted
from trueup.core.tables.number_kernel import NumberKernel
from trueup.core.tables.plan import Plan
from trueup.core.tables.source import Table


PLACE = '"place in its model"'


@singledispatch
def scan(
    table: Table,
    plan: Plan,
    *,
    threads: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Scan:
    """Sum the rows of ``table`` that take part, batch by batch, always in the same order.

    ``progress`` is told the number of rows after each batch.
    """
    made = NumberKernel if plan.roles.form else partial(Kernel, grid=Grid())
    kernel = made(plan, every=kept_one_in(plan))
    batches = list(table.batches())
    places = _places(table, plan, batches)

    def work(batch) -> dict:
        relation, number, first, last, before = batch
        arrays = table.arrays(select_rows(plan, relation, number, first, last))
        row = np.asarray(arrays["row_"]) if "row_" in arrays else np.arange(first, last)
        return kernel.batch(arrays, row if plan.key else row + places.get((before, first), before))

    total: dict = {}
    table.connection.execute("SET threads = 1")  # the pool is what runs side by side
    with ThreadPoolExecutor(threads) as pool:
        for batch, cells in zip(batches, _bounded(pool, work, batches, threads + 1), strict=True):
            absorb(total, cells)
            if progress:
                progress(batch[3] + batch[4])
    return kernel.finish(total)


def _places(table: Table, plan: Plan, batches: list) -> dict[tuple[int, int], int]:
    """Rows of this model before each batch, where a row is known by its place in its model."""
    places, rows = {}, 0
    for relation, number, first, last, before in batches if plan.only else []:
        places[before, first] = rows
        sql = f"SELECT count(*) FROM {relation} WHERE {number} >= {first} AND {number} < {last}"
        rows += table.query(f"{sql} AND {plan.only}")[0][0]
    return places


def _bounded(pool, work, items, ahead: int):
    """Results in order, with at most ``ahead`` waiting: memory does not grow with the table."""
    waiting: list = []
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > ahead:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def select_rows(
    plan: Plan,
    relation: str,
    number: str,
    first: int,
    last: int,
    more: Mapping[str, str] | None = None,
) -> str:
    """A query of what the pass reads of some rows, and ``more``: name -> SQL."""
    items = {"y": plan.profile.code, **(more or {})}
    inside = f"{number} >= {first} AND {number} < {last}"
    if plan.key:
        items["row_"] = plan.key
    elif plan.only:
        place = f"row_number() OVER (ORDER BY {number}) - 1 AS {PLACE}"
        relation = f"(SELECT *, {place} FROM {relation} WHERE {inside} AND {plan.only})"
        items["row_"], inside = PLACE, "true"
    elif plan.where != "true":
        items["row_"] = number
    items |= {f"p{j}": quoted(name) for j, name in enumerate(plan.roles.said)}
    items |= {f"s{i}": s.code for i, s in enumerate(plan.slicers)}
    if plan.group:
        items["g"] = plan.group
    if plan.clock:
        items["t"] = plan.clock.bucket
    if plan.roles.against:
        items["a"] = f"coalesce({quoted(plan.roles.against)}::DOUBLE, 'nan'::DOUBLE)"
    if plan.roles.weight:
        items["w"] = f"{quoted(plan.roles.weight)}::DOUBLE"
    listed = ", ".join(f"{sql} AS {name}" for name, sql in items.items())
    return f"SELECT {listed} FROM {relation} WHERE {inside} AND {plan.where}"
