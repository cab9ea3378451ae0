"""Coverage of sets where it is worst: among the rows of a class, of a size of sets, of a group.

``worst_coverage`` is the least coverage of any slice, ``size_stratified_coverage`` that over sets
of equal size, ``coverage_gap`` the mean distance of the slices' coverage from the level.

Examples
--------
>>> import numpy as np
>>> from trueup.core import Sets
>>> truth = np.repeat([0, 1], 50)
>>> members = np.zeros((100, 2), dtype=bool)
>>> members[:90, 0] = members[90:, 1] = True      # class 1 is missed in 40 of 50 rows
>>> said = Sets(members, 0.6)
>>> [round(m(truth, said).value, 2) for m in (worst_coverage, coverage_gap)]
[0.2, 0.4]
>>> size_stratified_coverage(truth, said).value   # all sets have one class
0.6
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.dispersion.coverage import coverage
from trueup.calibration.dispersion.set_size import sizes
from trueup.core.cards import Card
from trueup.core.cells import tally
from trueup.core.cube import Cube
from trueup.core.errors import UsageError
from trueup.core.evidence import Evidence
from trueup.core.grid import Grid
from trueup.core.measure import AbstractMeasure
from trueup.core.predictions import Sets
from trueup.core.row_sums import weigh


CARD = Card(
    name="worst_coverage",
    question="calibration",
    family="dispersion",
    summary="least coverage of sets over classes, sizes or groups; mean gap to the level",
    paper="size-stratified: Angelopoulos, Bates, Malik & Jordan 2021, arXiv:2009.14193; gap by "
    "class: Ding et al. 2023, arXiv:2306.09335",
    exports=("worst_coverage", "size_stratified_coverage", "coverage_gap"),
    cost="O(n)",
    not_for="many slices of few rows: the least of many noisy shares is low by chance",
)
CLASS, SIZE = "class", "set size"


@dataclass(frozen=True)
class WorstCoverage(AbstractMeasure):
    """Least share of sets that hold the truth, over slices.

    The value is below that of the worst slice in truth, by chance: the more so, the more slices and
    the fewer rows in each.

    Parameters
    ----------
    name, label
        What it is called.
    over
        What makes a slice: ``"class"``, the rows of that truth; ``"set size"``; or a column of
        ``Evidence.by``.
    least
        Slices of fewer rows are left out.
    """

    name: str = "worst_coverage"  # type: ignore[misc]
    label: str = "Coverage of the worst class"  # type: ignore[misc]
    over: str = CLASS
    least: int = 30
    better = "higher"
    reach = (0.0, 1.0)
    kinds = (Sets.kind,)
    quantile = True

    def cube(self, evidence: Evidence) -> Cube:
        """Hits, levels and weights by group of rows and slice."""
        self.check_kind(evidence)
        sets = evidence.prediction
        assert isinstance(sets, Sets)
        part = self._slices(evidence, sets)
        columns = weigh(
            {
                "hit": coverage.rows(sets, evidence.truth),
                "level": np.full(len(part), sets.level),
            },
            evidence.weight,
        )
        shape = (evidence.group_count, int(part.max(initial=0)) + 1)
        table = tally(evidence.groups() * shape[1] + part, columns, shape=shape)
        return Cube(Grid(1, 1), table, False, evidence.grouping)

    def _slices(self, evidence: Evidence, sets: Sets) -> np.ndarray:
        """Slice (n,) of every row."""
        if self.over == CLASS:
            return evidence.truth
        if self.over == SIZE:
            return sizes(sets)
        if self.over not in evidence.by:
            raise UsageError(
                self.name,
                f"there is no column '{self.over}' among {list(evidence.by)}",
                do=f"Name a column of Evidence(by=...), '{CLASS}' or '{SIZE}'",
            )
        return np.unique(evidence.by[self.over], return_inverse=True)[1].reshape(-1)

    def parts(self, cube: Cube) -> np.ndarray:
        return np.stack([cube.table[name] for name in ("hit", "level", "w", "n")], axis=-1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        hits, _, weight, rows = np.moveaxis(sums, -1, 0)
        kept = (rows >= self.least) & (weight > 0)
        share = np.divide(hits, weight, out=np.ones_like(hits), where=kept)
        least = np.where(kept, share, np.inf).min(axis=1)
        return np.where(kept.any(axis=1), least, np.nan)


@dataclass(frozen=True)
class CoverageGap(WorstCoverage):
    """Mean distance between the coverage of a slice and the level, each slice counting alike.

    Never zero, even for sets that are right: a slice of n rows is off by about
    ``0.8 sqrt(level (1 - level) / n)`` by chance.
    """

    name: str = "coverage_gap"  # type: ignore[misc]
    label: str = "Gap of coverage by class"  # type: ignore[misc]
    better = "lower"
    quantile = False

    def value(self, sums: np.ndarray) -> np.ndarray:
        hits, levels, weight, rows = np.moveaxis(sums, -1, 0)
        kept = (rows >= self.least) & (weight > 0)
        gap = np.divide(np.abs(hits - levels), weight, out=np.zeros_like(hits), where=kept)
        with np.errstate(invalid="ignore"):
            return gap.sum(axis=1) / kept.sum(axis=1)


worst_coverage = WorstCoverage()
size_stratified_coverage = WorstCoverage(
    "size_stratified_coverage", "Coverage of the worst size of sets", SIZE
)
coverage_gap = CoverageGap()
