"""Matrix scaling: a full matrix and a shift of the logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.recalibrate.tempered import affine_map, learn_affine
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort


CARD = Card(
    name="MatrixScaling",
    question="calibration",
    family="recalibrate",
    summary="mix the logits of all classes by a full matrix, and shift them",
    axes={"map": "a matrix and a shift", "loss": "log loss", "grouping": "none"},
    paper="Guo, Pleiss, Sun, Weinberger 2017, arXiv:1706.04599, section 4.2",
    claims=(
        "recovers the true temperature",
        "recovers a true matrix",
        "does not raise the loss it is fitted on",
    ),
    cost="O(n k^4) a Newton step; beyond 16 classes O(n k^2), tens of times a step",
    not_for="fewer than some hundred rows a class: it has k (k + 1) numbers to overfit",
)


@dataclass(frozen=True)
class MatrixScaling(AbstractCorrection):
    r"""Map log-probabilities :math:`z` to :math:`W z + b`, by maximum likelihood.

    Convex for the log loss. Use it where classes are taken for each other and rows are plenty; with
    few rows ``StructuredMatrixScaling`` holds the same map back. With ``off_diagonal`` and
    ``intercept`` it is Dirichlet calibration under the penalty ODIR.

    Parameters
    ----------
    loss
        ``"log_loss"`` or ``"brier"``.
    off_diagonal
        Penalty :math:`\frac{\lambda}{k(k-1)} \sum_{i \ne j} W_{ij}^2`, :math:`\lambda` >= 0.
    intercept
        Penalty :math:`\frac{\mu}{k} \sum_j b_j^2`, :math:`\mu` >= 0.
    tolerance
        Stop when no component of the gradient exceeds this, > 0.
    steps
        At most this many steps.

    Examples
    --------
    >>> from trueup.worlds import confused_classes
    >>> world = confused_classes(rows=50_000)
    >>> found = MatrixScaling().fit(world.evidence).map.weight
    >>> bool(np.abs(found - found.mean(axis=0) - world.truth["matrix"]).max() < 0.1)
    True
    """

    loss: str = "log_loss"
    off_diagonal: float = 0.0
    intercept: float = 0.0
    tolerance: float = 1e-8
    steps: int = 200
    least_classes: ClassVar[int] = 3  # for two classes it is Platt scaling, written twice
    effort: ClassVar[Effort] = Effort.HEAVY

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        penalty = odir(logs.shape[1], off_diagonal=self.off_diagonal, intercept=self.intercept)
        theta, converged = learn_affine(self, logs, truth, weight, penalty)
        return affine_map(theta), converged


def odir(k: int, *, off_diagonal: float, intercept: float) -> np.ndarray:
    """(k, k + 1) penalties of the off-diagonal and intercept regularisation."""
    penalty = np.full((k, k + 1), off_diagonal / (k * (k - 1)))
    penalty[np.arange(k), np.arange(k)] = 0.0
    penalty[:, -1] = intercept / k
    return penalty
