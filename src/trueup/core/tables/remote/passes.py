"""The one pass over a table that lives elsewhere, by its engine or by the kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from trueup.core.grid import Grid
from trueup.core.tables.kernel import Kernel, Scan, kept_one_in
from trueup.core.tables.plan import Plan
from trueup.core.tables.remote import cuts, look  # noqa: F401, they register themselves
from trueup.core.tables.remote.cells import summed
from trueup.core.tables.remote.rows import RemotePlan, prepared
from trueup.core.tables.remote.table import RemoteTable
from trueup.core.tables.scan import scan


@scan.register
def _(
    table: RemoteTable,
    plan: RemotePlan,
    *,
    threads: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Scan:
    every = kept_one_in(plan)
    if table.engine.batched:
        kernel = Kernel(_numbers_only(plan), Grid(), every=every)
        rows = prepared(table, plan).to_native()
        found = kernel.finish(table.engine.way.summed(rows, kernel))
    else:
        found = summed(table, plan, every=every)
    if progress:
        progress(table.rows)
    return found


def _numbers_only(plan: Plan) -> Plan:
    """The plan without its expressions, which need not travel to where the rows are."""
    return Plan(
        plan.roles,
        replace(plan.profile, code=None, keep=None, checks=[]),
        None,
        plan.grouping,
        [replace(s, code=None) for s in plan.slicers],
        plan.pairs,
        plan.clock and replace(plan.clock, bucket=None),
    )
