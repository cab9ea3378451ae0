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
from trueup.core.predictions import EPS, Points, Probabilities


CLASS_GROUPS = 32
"""Groups of the per-class cells: enough for an error bar, few enough for a hundred classes."""

CLASS_STEPS = 256
"""Steps of log-odds of the per-class cells where there are more than 20 classes."""


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
    """

    grid: Grid
    table: Cells
    event: bool
    grouping: str = "row"
    classes: Cells | None = None
    class_grid: Grid | tuple[Grid, ...] | None = None
    slices: Mapping[tuple[str, ...], tuple[list, Cells]] = field(default_factory=dict)
    chunks: Cells | None = None

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
    for rows in row_blocks(len(scores), cells=shape[0] * shape[1]):
        score = np.ascontiguousarray(scores[rows])
        columns = {"y": came[rows].astype(np.float64), "p": score}
        key = groups[rows] * grid.size + grid(score)
        columns = weigh(columns, None if weight is None else weight[rows])
        tables.append(tally(key, columns, shape=shape))
    return Cube(grid, reduce(Cells.__add__, tables), prediction.event, evidence.grouping)


def row_blocks(rows: int, *, cells: int, width: int = 1) -> list[slice]:
    """Slices of rows of ``width`` numbers: in the processor's cache, but more than the cells."""
    size = max(max(2**15, cells) // width, 1)
    return [slice(start, start + size) for start in range(0, max(rows, 1), size)]


def scores_of(prediction: Probabilities, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score (n,) and outcome (n,): of the event, or of the class that wins."""
    if prediction.event:
        return prediction.probs[:, 1], truth == 1
    winner = prediction.probs.argmax(axis=1)
    return prediction.probs[np.arange(len(truth)), winner], winner == truth


def sums_of(evidence: Evidence, *, grid: Grid | None = None, classes: bool = False) -> Cube:
    """The sums that the measures of this kind of prediction read."""
    if isinstance(evidence.prediction, Points):
        return sums_of_points(evidence.prediction, evidence)
    return cube_of(evidence, grid=grid, classes=classes)


def sums_of_points(points: Points, evidence: Evidence) -> Cube:
    """Sums by group and size of the error of ``points``: ``error``, ``absolute``, ``square``."""
    error = points.values - evidence.truth
    columns = {"error": error, "absolute": np.abs(error), "square": error**2}
    key = evidence.groups() * SIZES + size_bin(np.abs(error))
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


def row_columns(prediction: Probabilities, truth, weight, *, grid: Grid):
    """The columns to sum - weighted y, p, brier, loss (n,) - and the bin (n,) of every row."""
    if prediction.event and prediction.exact_logs is None:
        stats, odds = event_statistics(prediction.probs[:, 1], truth == 1)
    else:
        stats, odds = class_statistics(prediction, truth), None
    return weigh(stats, weight), grid(stats["p"], odds=odds)


def event_statistics(p: np.ndarray, happened: np.ndarray):
    """y, p, brier and loss (n,) of an event's probabilities, and their log-odds."""
    p = np.asarray(p, dtype=np.float64)
    q = 1.0 - p
    yes, no = np.log(np.maximum(p, EPS)), np.log(np.maximum(q, EPS))
    miss = np.where(happened, q, p)
    loss = -np.where(happened, yes, no)
    return {"y": happened.astype(np.float64), "p": p, "brier": miss * miss, "loss": loss}, yes - no


def class_statistics(prediction: Probabilities, truth: np.ndarray) -> dict[str, np.ndarray]:
    """y, p, brier and loss (n,): outcome and score of the class that wins, or of the event."""
    rows = np.arange(len(truth))
    logs = prediction.exact_logs
    said = (
        np.log(np.maximum(prediction.probs[rows, truth], EPS))
        if logs is None
        else logs[rows, truth]
    )
    loss = -said
    if prediction.event:
        return event_statistics(prediction.probs[:, 1], truth == 1)[0] | {"loss": loss}
    winner = prediction.probs.argmax(axis=1)
    residual = prediction.probs.copy()
    residual[rows, truth] -= 1.0  # (p_k - 1)^2 as written: sum p^2 - 2 p_y + 1 cancels near zero
    return {
        "y": (winner == truth).astype(np.float64),
        "p": prediction.probs[rows, winner],
        "brier": np.einsum("nk,nk->n", residual, residual),
        "loss": loss,
    }


def weigh(columns: dict[str, np.ndarray], weight: np.ndarray | None) -> dict[str, np.ndarray]:
    """Columns times the weight of their row, and the sums of weights that estimates need."""
    if weight is None:
        return columns
    weighted = {name: column * weight for name, column in columns.items()}
    return {"w": weight, "w2": weight**2, **weighted}


def class_grid_of(k: int, grid: Grid) -> Grid:
    """Bins of the per-class cells for ``k`` classes."""
    return grid if k <= 20 else Grid(width=grid.width, logit=CLASS_STEPS)


def class_cells(probs, truth, group, grid: Grid | tuple[Grid, ...], weight) -> Cells:
    """Cells (groups, k, bins) of every class against the rest; ``grid`` may be one a class."""
    folded = group % CLASS_GROUPS
    if isinstance(grid, tuple):
        return _cells_by_class(probs, truth, folded, grid, weight)
    k, shape = probs.shape[1], (CLASS_GROUPS, probs.shape[1], grid.size)
    first, size = np.arange(k) * grid.size, CLASS_GROUPS * k * grid.size
    names = ("n", "y", "p") if weight is None else ("n", "w", "w2", "y", "p")
    sums = np.zeros((len(names), size))
    for rows in row_blocks(len(probs), cells=4 * size, width=k):
        p, key = probs[rows], (folded[rows] * (k * grid.size))[:, None] + first
        key += grid(p)
        said = {"p": p.ravel()}
        if weight is not None:
            said = weigh(said, np.repeat(weight[rows], k))
        found = tally(key.ravel(), said, shape=(size,))
        # One class a row happened: its cells alone count outcomes.
        own = key[np.arange(len(p)), truth[rows]]
        sums[-2] += np.bincount(own, None if weight is None else weight[rows], size)
        sums[:-2] += found.sums[:-1]
        sums[-1] += found.sums[-1]
    return Cells(names, sums.reshape(len(names), *shape))


def _cells_by_class(probs, truth, folded, grids: tuple[Grid, ...], weight) -> Cells:
    parts = []
    for j, bins in enumerate(grids):
        score = np.ascontiguousarray(probs[:, j])
        columns = weigh({"y": (truth == j).astype(np.float64), "p": score}, weight)
        key, shape = folded * bins.size + bins(score), (CLASS_GROUPS, bins.size)
        parts.append(tally(key, columns, shape=shape))
    return Cells(parts[0].names, np.stack([part.sums for part in parts], axis=2))


def clipped_logit(p: np.ndarray) -> np.ndarray:
    """Log-odds of ``p`` with both tails cut at 1e-12."""
    return np.log(np.maximum(p, EPS)) - np.log(np.maximum(1.0 - p, EPS))
