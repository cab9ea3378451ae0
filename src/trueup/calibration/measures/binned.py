"""Cubes with exactly the bins that a binned calibration error asks for."""

from __future__ import annotations

import numpy as np

from trueup.core.cells import tally
from trueup.core.cube import Cube, score_cube
from trueup.core.evidence import Evidence
from trueup.core.grid import EdgeGrid, Grid
from trueup.core.row_sums import CLASS_GROUPS, class_cells, scores_of, weigh


def cube_of_scores(evidence: Evidence, *, grid: Grid, mass: bool) -> Cube:
    """Sums over the bins of ``grid``, or over as many bins of equal mass."""
    if mass:
        scores = scores_of(evidence.prediction, evidence.truth)[0]
        grid = EdgeGrid.of(scores, bins=grid.size, weight=evidence.weight)
    return score_cube(evidence, grid=grid)


def cube_of_classes(evidence: Evidence, *, grid: Grid, mass: bool) -> Cube:
    """Sums of every class against the rest; bins of equal mass are those of each class."""
    probs, weight = evidence.prediction.probs, evidence.weight
    grids: Grid | tuple[Grid, ...] = grid
    if mass:
        grids = tuple(
            EdgeGrid.of(column, bins=grid.size, weight=weight)
            for column in np.ascontiguousarray(probs.T)
        )
    cells = class_cells(probs, evidence.truth, evidence.groups(), grids, weight)
    total = score_cube(evidence, grid=Grid(1, 1))
    return Cube(total.grid, total.table, False, total.grouping, cells, grids)


def cube_of_winners(evidence: Evidence, *, grid: Grid, mass: bool) -> Cube:
    """Sums of the top label by the class that wins: the table is (groups, k, bins)."""
    probs, weight = evidence.prediction.probs, evidence.weight
    k, winner, score = probs.shape[1], probs.argmax(axis=1), probs.max(axis=1, initial=0.0)
    place, grids = np.zeros(len(score), dtype=np.int64), []
    for j in range(k):
        rows = winner == j
        of_rows = None if weight is None else weight[rows]
        made = EdgeGrid.of(score[rows], bins=grid.size, weight=of_rows) if mass else grid
        place[rows] = made(score[rows])
        grids.append(made)
    right = (winner == evidence.truth).astype(np.float64)
    columns = weigh({"y": right, "p": score}, weight)
    key = (evidence.groups() % CLASS_GROUPS * k + winner) * grid.size + place
    table = tally(key, columns, shape=(CLASS_GROUPS, k, grid.size))
    event = evidence.prediction.event
    return Cube(grid, table, event, evidence.grouping, class_grid=tuple(grids))
