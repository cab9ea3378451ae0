"""The cube: sufficient statistics of a table of probabilities, from which all else is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from trueup.core.cells import Cells, tally
from trueup.core.errors import EvidenceError
from trueup.core.evidence import Evidence
from trueup.core.grid import Grid
from trueup.core.laws import NUMBERS, middles_of
from trueup.core.probabilities import Probabilities
from trueup.core.row_sums import (
    class_cells,
    class_grid_of,
    row_blocks,
    row_columns,
    scores_of,
    weigh,
)


@dataclass(frozen=True, eq=False)
class Cube:
    """Sums of a table of probabilities by group and bin of the score.

    The score is the probability of the event, or with several classes the confidence of the class
    that wins; the outcome is whether the event happened, or whether that class was right. Cubes of
    different rows add.

    Attributes
    ----------
    grid
        The bins.
    table
        Cells (groups, bins).
    event
        True for the probability of an event, False for several classes.
    grouping
        What a group is: ``"row"``, ``"cluster"`` or ``"block"`` of time.
    classes
        Cells (groups, k, bins) of every class against the rest, or None.
    class_grid
        Their bins, or the bins of each class.
    slices
        Names of columns -> (values, Cells (groups, values, coarse bins)).
    chunks
        Cells (chunks of time, coarse bins), or None.
    spread
        Cells (groups, bins of the stated spread) of forecasts of numbers, or None.
    against
        Cells (groups, 2, 1) of a forecast of a number and of a reference, or None.
    """

    grid: Grid
    table: Cells
    event: bool
    grouping: str = "row"
    classes: Cells | None = None
    class_grid: Grid | tuple[Grid, ...] | None = None
    slices: Mapping[tuple[str, ...], tuple[list, Cells]] = field(default_factory=dict)
    chunks: Cells | None = None
    spread: Cells | None = None
    against: Cells | None = None

    def __add__(self, other: Cube) -> Cube:
        if self._kind != other._kind:
            raise EvidenceError(
                "Cube.__add__",
                "the cubes have other bins, kinds or groupings",
                do="Build both with the same grid, kind of prediction and roles",
            )
        return replace(
            self,
            table=self.table + other.table,
            classes=_add(self.classes, other.classes),
            slices=_add_slices(self.slices, other.slices),
            chunks=_add(self.chunks, other.chunks),
            spread=_add(self.spread, other.spread),
            against=_add(self.against, other.against),
        )

    @property
    def _kind(self) -> tuple:
        return self.grid, self.class_grid, self.event, self.grouping

    @property
    def n(self) -> int:
        """Rows behind the cube."""
        return int(self.table["n"].sum())

    def of_groups(self, chosen: np.ndarray) -> Cube:
        """The cube of the groups where ``chosen`` (groups,) is True, without slices or time."""
        classes = self.classes
        if classes is not None:
            classes = classes.of_groups(fold_flags(chosen, classes.shape[0]))
        return Cube(
            self.grid,
            self.table.of_groups(chosen),
            self.event,
            self.grouping,
            classes,
            self.class_grid,
        )


def fold_flags(chosen: np.ndarray, groups: int) -> np.ndarray:
    """Flags of folded groups: True where any of the groups folded into one is chosen."""
    return np.bincount(np.arange(len(chosen)) % groups, weights=chosen, minlength=groups) > 0


def _add(a: Cells | None, b: Cells | None) -> Cells | None:
    return a + b if a is not None and b is not None else None


def _add_slices(a: Mapping, b: Mapping) -> dict:
    same = a.keys() == b.keys() and all(a[key][0] == b[key][0] for key in a)
    if not same:
        raise EvidenceError(
            "Cube.__add__", "the slices have other columns or values", do="Use the same slices"
        )
    return {key: (a[key][0], a[key][1] + b[key][1]) for key in a}


def cube_of(evidence: Evidence, *, grid: Grid | None = None, classes: bool = False) -> Cube:
    """The cube of evidence in memory.

    Parameters
    ----------
    evidence
        Probabilities and the truth.
    grid
        The bins; None means the common grid.
    classes
        Whether to keep the cells of every class against the rest, which the AUC and classwise
        errors of several classes need.

    Examples
    --------
    >>> cube = cube_of(Evidence(Probabilities([0.2, 0.9, 0.6]), [0, 1, 0]))
    >>> cube.n, float(cube.table["y"].sum())
    (3, 1.0)
    """
    prediction = probabilities_of("cube_of", evidence)
    grid = grid or Grid()
    group, groups = evidence.groups(), evidence.group_count
    columns, bins = row_columns(prediction, evidence.truth, evidence.weight, grid=grid)
    table = tally(group * grid.size + bins, columns, shape=(groups, grid.size))
    cells, class_grid = None, None
    if classes and not prediction.event:
        class_grid = class_grid_of(prediction.k, grid)
        cells = class_cells(prediction.probs, evidence.truth, group, class_grid, evidence.weight)
    return Cube(grid, table, prediction.event, evidence.grouping, cells, class_grid)


def score_cube(evidence: Evidence, *, grid: Grid) -> Cube:
    """A cube of outcome and score alone, for measures that need no more: several times faster.

    Examples
    --------
    >>> score_cube(Evidence(Probabilities([0.2, 0.9]), [0, 1]), grid=Grid(15, 1)).table.names
    ('n', 'y', 'p')
    """
    prediction, weight = probabilities_of("score_cube", evidence), evidence.weight
    scores, came = scores_of(prediction, evidence.truth)
    groups, shape = evidence.groups(), (evidence.group_count, grid.size)
    tables = []
    for rows in row_blocks(len(scores), cells=2 * shape[0] * shape[1]):
        score = np.ascontiguousarray(scores[rows])
        key = groups[rows] * grid.size + grid(score)
        columns = weigh({"y": came[rows], "p": score}, None if weight is None else weight[rows])
        tables.append(tally(key, columns, shape=shape))
    return Cube(grid, reduce(Cells.__add__, tables), prediction.event, evidence.grouping)


def sums_of(evidence: Evidence, *, grid: Grid | None = None, classes: bool = False) -> Cube:
    """The sums that the measures of this kind of prediction read."""
    if evidence.prediction.kind in NUMBERS:
        return sums_of_numbers(evidence)
    return cube_of(evidence, grid=grid, classes=classes)


def sums_of_numbers(evidence: Evidence) -> Cube:
    """Sums by group and size of the error: ``error`` and ``square`` of the mean that a prediction
    of a number states, ``absolute`` and the size of the median.
    """
    mean, median = middles_of(evidence.prediction)
    error = mean - evidence.truth
    size = np.abs(error if median is mean else median - evidence.truth)
    columns = {"error": error, "absolute": size, "square": error**2}
    key = evidence.groups() * SIZES + size_bin(size)
    shape = (evidence.group_count, SIZES)
    table = tally(key, weigh(columns, evidence.weight), shape=shape)
    return Cube(Grid(1, 1), table, False, evidence.grouping)


SIZES = 4096
"""Bins of the size of an error: 64 to a doubling, from 2^-32 to 2^32."""


def size_bin(size: np.ndarray) -> np.ndarray:
    """Bin (n,) of every ``size`` (n,) >= 0."""
    with np.errstate(divide="ignore"):
        place = np.floor(np.log2(size) * 64) + SIZES // 2
    return np.clip(place, 0, SIZES - 1).astype(np.int64)


def probabilities_of(who: str, evidence: Evidence) -> Probabilities:
    """The prediction of ``evidence`` if it is of the kind that ``who`` works on."""
    if not isinstance(evidence.prediction, Probabilities):
        raise EvidenceError(
            who,
            f"the prediction is of kind '{evidence.prediction.kind}'",
            do="Pass Probabilities; other kinds have methods of their own",
        )
    return evidence.prediction
