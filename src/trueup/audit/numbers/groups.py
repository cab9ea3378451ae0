"""Corrections of forecasts for each value of a column, where a slice of it stands out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trueup.audit.groups import COLUMNS, COMMON, SEPARATE, unfit
from trueup.audit.numbers.slices import NumberSlice
from trueup.audit.remedies import Remedy
from trueup.calibration.distributions.bias_correction import BiasCorrection
from trueup.calibration.distributions.spread_scaling import SpreadScaling
from trueup.calibration.recalibrate.per_group import GroupMaps, PerGroup
from trueup.core.correction import AbstractCorrection
from trueup.core.expressions import MISSING
from trueup.core.tables.kernel import Sample
from trueup.core.tables.plan import Plan, Slicer


Base = tuple[str, str, AbstractCorrection]
"""Short name of a correction, what it does in words, settings."""
USUAL: tuple[Base, ...] = (
    ("shift", "a shift", BiasCorrection()),
    ("spread", "a factor of the spread", SpreadScaling()),
    (
        "shift_and_spread",
        "a shift and a factor of the spread",
        SpreadScaling(shift="constant"),
    ),
)
"""What a group may need."""
FEW = 10.0
"""Rows from which a map is drawn towards that of all; without that it takes twice as many."""
NAMED = 8
"""At most so many values are named."""


def columns_to_try(plan: Plan, slices: Sequence[NumberSlice]) -> list[str]:
    """Columns with a slice that stands out, the worst first, whose values can be told apart."""
    named = dict.fromkeys(column for s in slices if s.flagged for column in s.by)
    fit = {s.column for s in plan.slicers if not unfit(s)}
    return [column for column in named if column in fit][:COLUMNS]


def not_tried(plan: Plan, slices: Sequence[NumberSlice]) -> list[str]:
    """Why columns of slices got no corrections by their values, in words."""
    tried = columns_to_try(plan, slices)
    rest = [s for s in plan.slicers if s.column not in tried]
    named = {column for s in slices if s.flagged for column in s.by}
    return [f"No correction for each {s.column} was tried: {_why(s, named)}." for s in rest]


def _why(slicer: Slicer, named: set[str]) -> str:
    if slicer.column not in named:
        return "none of its slices stands out"
    return unfit(slicer) or f"only the {COLUMNS} columns with the worst slices are"


def fallen_back(plan: Plan, chosen: Remedy | None) -> list[str]:
    """Which values of the column of the ``chosen`` correction take that of all rows, in words."""
    if chosen is None or not isinstance(chosen.fitted.map, GroupMaps):
        return []
    own = set(chosen.fitted.map.own)
    values = next(s.values for s in plan.slicers if s.column == chosen.column)
    few = [value for value in values if value not in own]
    if not few:
        return []
    more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
    return [
        f"{len(few)} of {len(values)} values of {chosen.column} have too few rows for a correction "
        f"of their own and take that of all rows: {', '.join(few[:NAMED])}{more}."
    ]


def names_by_column(sample: Sample, plan: Plan, columns: list[str]) -> dict[str, np.ndarray]:
    """Column -> name (n,) of the value of every row that was kept."""
    found = {}
    for i, slicer in enumerate(plan.slicers):
        if slicer.column in columns and sample.codes is not None:
            names = np.array([*slicer.values, MISSING])
            found[slicer.column] = names[np.minimum(sample.codes[:, i], len(slicer.values))]
    return found


def by_value(column: str, values: int, kind: str, winner: Base | None) -> list[Base]:
    """Corrections for each of ``values`` groups.

    Each is a usual one, or the ``winner`` among those for all, learned for each group by itself, or
    drawn towards that of all.
    """
    bases = [base for base in USUAL if kind in base[2].kinds]
    if winner is not None and winner[2] not in [base for *_, base in bases]:
        bases.append(winner)
    found: list[Base] = []
    for name, words, base in bases:
        said = f"{words} for each {column}"
        if values <= SEPARATE:
            found.append((f"{name}_by:{column}", said, PerGroup(column, base)))
        if values >= COMMON:
            drawn = PerGroup(column, base, least=FEW, prior=None)
            found.append((f"{name}_drawn_by:{column}", f"{said}, drawn towards that of all", drawn))
    return found
