r"""Squared kernel calibration error (SKCE), unbiased: is the whole vector of probabilities right?

.. math:: \frac{\sum_{i \ne j} w_i w_j\, r_i^\top r_j\, e^{-\lVert p_i - p_j \rVert / h}}
          {\sum_{i \ne j} w_i w_j}, \qquad r_i = e_{y_i} - p_i

Zero on average if and only if the model is calibrated in the strongest sense: given the whole
vector p, the classes happen with probabilities p. A single estimate may therefore lie below 0. It
is a squared error: compare it with others of the same h, not with an ECE. With
``over="top label"`` p and r are the confidence and whether it was right. Rows of one cluster or
block of time share noise, so pairs within a group are left out there.

An event and a top label come from the cube. Several classes need pairs of rows: all of them up to
``block`` rows, beyond that those within blocks of that many rows, which is unbiased too, linear in
the number of rows, and less precise. The blocks follow the place of the rows.

Examples
--------
>>> from trueup.worlds import confident_by_factor
>>> right = confident_by_factor(1.0, rows=2_000, classes=4).evidence
>>> wrong = confident_by_factor(2.0, rows=2_000, classes=4).evidence
>>> skce(right.truth, right.prediction).excludes(0.0)
False
>>> skce(wrong.truth, wrong.prediction).low > 0
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.measures.mmce import check_bandwidth, laplacian
from trueup.calibration.measures.smoothing import FINE, on_lattice
from trueup.core.cards import Card
from trueup.core.cells import Cells, tally
from trueup.core.cube import Cube, score_cube
from trueup.core.errors import UsageError
from trueup.core.evidence import Evidence
from trueup.core.grid import Grid
from trueup.core.jackknife import Replicates
from trueup.core.measure import AbstractMeasure
from trueup.core.row_sums import scores_of


CARD = Card(
    name="skce",
    question="calibration",
    family="measures",
    summary="kernel calibration error of the whole vector of probabilities, free of noise",
    paper="Widmann, Lindsten, Zachariah 2019, arXiv:1910.11385, table 1 (SKCEuq, and in blocks)",
    axes={"kernel": "Laplacian", "pairs": "of different rows or groups | within blocks"},
    claims=("is zero on average for a calibrated model",),
    exports=("skce", "SquaredKernelCalibrationError"),
    cost="O(n) for an event or top label; O(n k block) for several classes",
    not_for="saying how large an error is: it is squared, and in the unit of its kernel",
)


@dataclass(frozen=True)
class SquaredKernelCalibrationError(AbstractMeasure):
    """Mean product of the residuals of pairs of rows, weighed by how close their predictions are.

    Parameters
    ----------
    bandwidth
        Distance h of predictions (Euclidean) at which the kernel has fallen to 1 / e, in
        [0.01, 100].
    over
        ``"all classes"`` or ``"top label"``.
    block
        Rows a block, >= 2; tables of at most as many rows use all pairs.
    """

    bandwidth: float = 1.0
    over: str = "all classes"
    block: int = 2048
    name = "skce"
    label = "Squared kernel calibration error (SKCE)"
    reach = (-2.0, 2.0)
    grid = FINE

    def __post_init__(self) -> None:
        check_bandwidth("skce", self.bandwidth)
        if self.over not in ("all classes", "top label") or self.block < 2:
            raise UsageError(
                "skce",
                f"over is '{self.over}', block {self.block}",
                do="Pass 'all classes' or 'top label', and at least 2 rows a block",
            )

    def cube(self, evidence: Evidence) -> Cube:
        """Sums by score for an event or top label, by pair of groups for several classes."""
        self.check_kind(evidence)
        if evidence.prediction.event or self.over == "top label":
            return _with_squares(evidence)
        return pairs_of_rows(evidence, h=self.bandwidth, block=self.block)

    def parts(self, cube: Cube) -> np.ndarray:
        """(groups, 2, groups) sums over pairs: of the products, and of the weights."""
        if "pairs" in cube.table.names:
            product, pairs = cube.table["product"], cube.table["pairs"]
        else:
            product, pairs = self._pairs_of_scores(cube)
        if cube.grouping != "row":
            product, pairs = (a - np.diag(np.diag(a)) for a in (product, pairs))
        return np.stack([product, pairs], axis=1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        product, pairs = sums.sum(axis=-1).T
        return np.divide(product, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)

    def replicates(self, cube: Cube) -> Replicates:
        """The value, and that without the pairs of each group in turn."""
        sizes = self.sizes(cube)
        sums = self.parts(cube)[sizes > 0][:, :, sizes > 0]
        total = sums.sum(axis=(0, 2))
        own = np.moveaxis(np.diagonal(sums, axis1=0, axis2=2), 0, 1)
        without = total - 2 * sums.sum(axis=2) + own
        without[:, 1][without[:, 1] < 1e-9 * total[1]] = 0.0
        value = self.value(total[None, :, None])[0] if total[1] > 0 else np.nan
        left, in_time = self.value(without[:, :, None]), cube.grouping == "block"
        return Replicates(float(value), left, sizes[sizes > 0], in_time=in_time)

    def _inside(self, low: float, high: float) -> tuple[float, float]:
        """The truth is never below 0, though a single estimate may be."""
        return super()._inside(low, max(high, 0.0) if high == high else high)

    def _pairs_of_scores(self, cube: Cube) -> tuple[np.ndarray, np.ndarray]:
        if not cube.event and self.over == "all classes":
            raise UsageError(
                "skce",
                "the cube knows the top label only",
                do="Pass evidence or arrays, or over='top label'",
            )
        # (p, 1 - p) and (q, 1 - q) are sqrt(2) |p - q| apart, and the product counts twice.
        twice = cube.event and self.over == "all classes"
        h = self.bandwidth / np.sqrt(2) if twice else self.bandwidth
        residual = on_lattice(cube, cube.table["y"] - cube.table["p"])[:, 0]
        w, w2 = cube.table.total("w", "w2").T
        product = residual @ laplacian(residual, h).T
        square = cube.table["square"].sum(axis=1) if "square" in cube.table.names else None
        if square is None:  # a cube made elsewhere: pairs within a group are left out whole
            square, w2 = np.diag(product), w**2
        product, pairs = product - np.diag(square), np.outer(w, w) - np.diag(w2)
        return (2 if twice else 1) * product, pairs


def _with_squares(evidence: Evidence) -> Cube:
    """A cube of scores that also sums the squared residuals of single rows."""
    cube = score_cube(evidence, grid=FINE)
    score, happened = scores_of(evidence.prediction, evidence.truth)
    square = (happened - score) ** 2
    if evidence.weight is not None:
        square = square * evidence.weight**2
    key, shape = evidence.groups() * FINE.size, cube.table.shape
    sums = tally(key, {"square": square}, shape=shape).sums[1:]
    names = (*cube.table.names, "square")
    table = Cells(names, np.concatenate([cube.table.sums, sums]))
    return Cube(FINE, table, cube.event, cube.grouping)


def pairs_of_rows(evidence: Evidence, *, h: float, block: int) -> Cube:
    """Products and weights of pairs of different rows, summed by the groups of both: exact."""
    probs, groups, size = evidence.prediction.probs, evidence.groups(), evidence.group_count
    weight = np.ones(len(probs)) if evidence.weight is None else evidence.weight
    residual = -probs
    residual[np.arange(len(probs)), evidence.truth] += 1.0
    product, pairs = np.zeros((size, size)), np.zeros((size, size))
    for rows in np.array_split(np.arange(len(probs)), max(1, -(-len(probs) // block))):
        by_group = np.zeros((size, len(rows)))
        by_group[groups[rows], np.arange(len(rows))] = weight[rows]
        agree = (residual[rows] @ residual[rows].T) * np.exp(-_distances(probs[rows]) / h)
        np.fill_diagonal(agree, 0.0)
        product += by_group @ agree @ by_group.T
        w = by_group.sum(axis=1)
        pairs += np.outer(w, w) - np.diag((by_group**2).sum(axis=1))
    count = np.diag(np.bincount(groups, minlength=size)).astype(np.float64)
    table = Cells(("n", "product", "pairs"), np.stack([count, product, pairs]))
    return Cube(Grid(1, 1), table, False, evidence.grouping)


def _distances(p: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(p, p)


skce = SquaredKernelCalibrationError()
