"""The one pass over a table that lives elsewhere, by its engine or by the kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial

import narwhals as nw
import numpy as np

from trueup.core.grid import Grid
from trueup.core.groups import GROUPS
from trueup.core.tables.kernel import Kernel, Sample, Scan, kept_one_in
from trueup.core.tables.number_kernel import NumberKernel
from trueup.core.tables.plan import Plan
from trueup.core.tables.remote import cuts, look  # noqa: F401, they register themselves
from trueup.core.tables.remote.cells import summed
from trueup.core.tables.remote.rows import RemotePlan, mixed, prepared
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
    if plan.roles.form or table.engine.batched:
        found = _by_kernel(table, plan, every)
    else:
        found = summed(table, plan, every=every)
    if progress:
        progress(table.rows)
    return found


def _by_kernel(table: RemoteTable, plan: RemotePlan, every: int) -> Scan:
    """The scan by the kernel, where the rows are or as they come."""
    made = NumberKernel if plan.roles.form else partial(Kernel, grid=Grid())
    kernel = made(_numbers_only(plan), every=every)
    rows = prepared(table, plan)
    total = table.engine.way.summed(rows.to_native(), kernel)
    if isinstance(kernel, NumberKernel) and not table.engine.ordered:
        if "sample" not in total:
            few = rows.filter(mixed(nw.col("r") + 1) // GROUPS % every == 0)
            arrays = table.arrays(few)
            total["sample"] = [kernel.sample(arrays, arrays["r"])]
        total["sample"] = [_in_order(Sample.joined(total["sample"]))]
    return kernel.finish(total)


def _in_order(sample: Sample) -> Sample:
    """A sample whose rows come in one order, whatever that of the table."""
    order = np.lexsort([*sample.probs.T, sample.truth, sample.group])
    columns = {f.name: getattr(sample, f.name) for f in fields(sample)}
    rows = {name: found[order] for name, found in columns.items() if isinstance(found, np.ndarray)}
    return replace(sample, **rows)


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
        scores=plan.scores,
    )
