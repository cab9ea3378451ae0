"""Columns whose every value may get a correction of its own, and the cells to learn it on."""

from __future__ import annotations

import numpy as np

from trueup.audit.bench import CellBench
from trueup.calibration.recalibrate import hierarchical, per_group
from trueup.calibration.recalibrate.grouping import TAKEN
from trueup.core.cards import Card
from trueup.core.cells import Cells
from trueup.core.correction import AbstractCorrection
from trueup.core.expressions import MISSING
from trueup.core.tables.kernel import Scan
from trueup.core.tables.plan import VALUES, Plan, Slicer


COLUMNS = 3
"""At most so many columns are tried."""
SEPARATE, COMMON = 50, 5
"""At most so many values for lines apart, and at least so many for lines with a common law."""


def group_benches(found: Scan, plan: Plan) -> dict[str, CellBench]:
    """Column -> bench of cells {value x score}.

    A slice has 64 bins of the score, at most half a unit of log-odds wide. That is fine enough for
    lines, which hardly bend within a bin, and not for curves.
    """
    slicers = plan.slicers if plan.roles.event else []
    return {s.column: _bench(found, s) for s in slicers if not _refused(s, plan)}


def _bench(found: Scan, slicer: Slicer) -> CellBench:
    cube = found.cube
    cells = cube.slices[slicer.column,][1]
    other = cells.shape[1] - len(slicer.values)
    values = np.array([*slicer.values, *[MISSING] * other])
    table = Cells(cells.names, cells.sums.reshape(*cells.sums.shape[:2], -1))
    by = {slicer.column: np.repeat(values, cells.shape[2])}
    return CellBench(table, cube.grid, cube.grouping, by)


def not_tried(plan: Plan) -> list[str]:
    """Why columns of slices got no corrections by their values, in words."""
    if not plan.roles.event:
        told = "No correction by group was tried: that is done for an event, not for classes."
        return [told] * bool(plan.slicers)
    refused = [(s.column, _refused(s, plan)) for s in plan.slicers]
    return [f"No correction for each {column} was tried: {why}." for column, why in refused if why]


def _refused(slicer: Slicer, plan: Plan) -> str:
    """Why the values of a column get no corrections of their own; empty where they do."""
    fit = [s.column for s in plan.slicers if not unfit(s)]
    late = f"only the first {COLUMNS} such columns are" if slicer.column in fit[COLUMNS:] else ""
    return unfit(slicer) or late


def unfit(slicer: Slicer) -> str:
    """Why no correction can tell the values of a column apart; empty where one can."""
    if slicer.column in TAKEN:
        return "a correction cannot read a column of this name"
    if not slicer.values:
        return "its slices are ranges or times, not values"
    if slicer.left_out:
        return f"it has more than {VALUES} values"
    return "it has one value" if len(slicer.values) < 2 else ""


def candidates(column: str, values: int) -> list[tuple[Card, AbstractCorrection, str]]:
    """Corrections by ``values`` groups, and what they do in words."""
    words = f"a line in log-odds for each {column}"
    apart = (per_group.CARD, per_group.PerGroup(column), words)
    drawn = f"{words}, drawn towards that of all"
    common = (hierarchical.CARD, hierarchical.HierarchicalPlatt(column), drawn)
    return [apart] * (values <= SEPARATE) + [common] * (values >= COMMON)
