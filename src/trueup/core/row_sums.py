"""What is summed over rows: scores, outcomes and losses of the event, the winner or each class."""

from __future__ import annotations

import numpy as np

from trueup.core.cells import Cells, tally
from trueup.core.grid import Grid
from trueup.core.probabilities import EPS, Probabilities


CLASS_GROUPS = 32
"""Groups of the per-class cells: enough for an error bar, few enough for a hundred classes."""

CLASS_STEPS = 256
"""Steps of log-odds of the per-class cells where there are more than 20 classes."""


def row_blocks(rows: int, width: int = 1, *, cells: int = 0) -> list[slice]:
    """Slices of rows of ``width`` numbers: in the processor's cache, but more than the cells."""
    size = max(max(2**16, cells) // width, 1)
    return [slice(start, start + size) for start in range(0, max(rows, 1), size)]


def scores_of(prediction: Probabilities, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score (n,) and outcome (n,): of the event, or of the class that wins."""
    if prediction.event:
        return prediction.chance, truth == 1
    scores, came = np.empty(len(truth)), np.empty(len(truth), dtype=bool)
    for rows in row_blocks(len(truth), width=prediction.k):
        said = prediction.said[rows]
        winner = said.argmax(axis=1)
        scores[rows] = said[np.arange(len(said)), winner]
        np.equal(winner, truth[rows], out=came[rows])
    return scores, came


def row_columns(prediction: Probabilities, truth, weight, *, grid: Grid):
    """The columns to sum - weighted y, p, brier, loss (n,) - and the bin (n,) of every row."""
    if prediction.event and prediction.exact_logs is None:
        stats, odds = event_statistics(prediction.chance, truth == 1)
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
    return {"y": happened, "p": p, "brier": miss * miss, "loss": loss}, yes - no


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
        return event_statistics(prediction.chance, truth == 1)[0] | {"loss": loss}
    winner = prediction.probs.argmax(axis=1)
    residual = prediction.probs.copy()
    residual[rows, truth] -= 1.0  # (p_k - 1)^2 as written: sum p^2 - 2 p_y + 1 cancels near zero
    return {
        "y": winner == truth,
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
