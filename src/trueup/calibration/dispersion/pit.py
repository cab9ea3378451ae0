"""Probability integral transform: where in its law every truth lay, and sums of that by bin.

The transform of a row is an interval [low, high] over which its mass is spread evenly, so nothing
is drawn at random: a point of a normal law; the mass between two levels of quantiles; 1 / (m + 1)
for a rank among m members, and more where the truth equals members or quantiles.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from scipy.special import ndtr

from trueup.core.cells import Cells, tally
from trueup.core.cube import Cube
from trueup.core.evidence import Evidence
from trueup.core.grid import Grid
from trueup.core.predictions import (
    Ensemble,
    Intervals,
    Normal,
    Prediction,
    Quantiles,
)
from trueup.core.row_sums import row_blocks, weigh


@singledispatch
def transformed(prediction: Prediction, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high (n,) ends of the transform of every truth, in [0, 1]."""
    raise TypeError(type(prediction).__name__)


@transformed.register
def _(prediction: Normal, truth: np.ndarray):
    share = ndtr((truth - prediction.mean) / prediction.sd)
    return share, share


@transformed.register
def _(prediction: Ensemble, truth: np.ndarray):
    below, upto = _ranks(prediction.members, truth)
    places = prediction.members.shape[1] + 1
    return below / places, (upto + 1) / places


@transformed.register
def _(prediction: Quantiles, truth: np.ndarray):
    return _between(prediction.levels, _ranks(prediction.values, truth))


@transformed.register
def _(prediction: Intervals, truth: np.ndarray):
    half = (1 - prediction.level) / 2
    ends = np.column_stack([prediction.low, prediction.high])
    return _between(np.array([half, 1 - half]), _ranks(ends, truth))


def _ranks(values: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many of the values (n, m) lie below the truth, and how many not above it."""
    y, one = truth[:, None], np.ones(values.shape[1], dtype=np.float32)
    below = ((values < y).view(np.int8) @ one).astype(np.int64)
    equal = values == y
    return below, below + equal.sum(axis=1) if equal.any() else below


def _between(levels: np.ndarray, ranks) -> tuple[np.ndarray, np.ndarray]:
    """Levels around the truth; a truth on a quantile reaches half way to the next levels."""
    below, upto = ranks
    known = np.concatenate([[0.0], levels, [1.0]])
    middle = (known[1:] + known[:-1]) / 2
    tied = upto > below
    low, high = known[below], known[upto + 1]
    return np.where(tied, middle[below], low), np.where(tied, middle[upto], high)


def natural_edges(prediction: Prediction, *, bins: int) -> np.ndarray:
    """Edges of at most ``bins`` bins that no mass of an untied row lies across."""
    even = np.linspace(0, 1, bins + 1)
    if isinstance(prediction, Normal):
        return even
    if isinstance(prediction, Ensemble):
        places = prediction.members.shape[1] + 1
        return np.unique(np.round(even * places)) / places
    half = (1 - getattr(prediction, "level", 0.0)) / 2
    levels = getattr(prediction, "levels", np.array([half, 1 - half]))
    known = np.concatenate([[0.0], levels, [1.0]])
    nearest = np.abs(known[:, None] - even).argmin(axis=0)
    return known[np.unique(np.concatenate([nearest, [0, len(known) - 1]]))]


def pit_cube(evidence: Evidence, *, bins: int) -> tuple[Cube, np.ndarray]:
    """Sums by group and bin - ``mass``, and what a calibrated forecast is ``expected`` to have
    there - and the edges of the bins.
    """
    prediction, truth = evidence.prediction, evidence.truth
    edges = natural_edges(prediction, bins=bins)
    wide = getattr(prediction, "members", getattr(prediction, "values", truth))
    blocks = row_blocks(len(truth), cells=0, width=int(np.prod(wide.shape[1:])))
    ends = [transformed(prediction.take(block), truth[block]) for block in blocks]
    low, high = (np.concatenate(side) for side in zip(*ends, strict=True))
    cells = _cells(evidence, low, high, edges)
    expected = cells["w"].sum(axis=1, keepdims=True) * np.diff(edges)
    cells = Cells((*cells.names, "expected"), np.concatenate([cells.sums, expected[None]]))
    return Cube(Grid(1, 1), cells, False, evidence.grouping), edges


def _cells(evidence: Evidence, low, high, edges: np.ndarray) -> Cells:
    """Cells (groups, bins): counts at the lowest bin of a row, ``mass`` where it is spread."""
    size = len(edges) - 1
    first = np.clip(np.searchsorted(edges, low, side="right") - 1, 0, size - 1)
    last = np.clip(np.searchsorted(edges, high, side="left") - 1, 0, size - 1)
    group, shape = evidence.groups(), (evidence.group_count, size)
    whole = last <= first
    columns = weigh({"mass": whole.astype(np.float64)}, evidence.weight)
    cells = tally(group * size + first, columns, shape=shape)
    rows = np.flatnonzero(~whole)
    if not len(rows):
        return cells
    a, b = low[rows, None], high[rows, None]
    share = np.diff(np.clip((edges - a) / (b - a), 0, 1), axis=1)
    share = share if evidence.weight is None else share * evidence.weight[rows, None]
    key = (group[rows, None] * size + np.arange(size)).ravel()
    sums = cells.sums.copy()
    spread = np.bincount(key, share.ravel(), minlength=shape[0] * size)
    sums[cells.names.index("mass")] += spread.reshape(shape)
    return Cells(cells.names, sums)
