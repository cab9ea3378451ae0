"""Structured vector scaling: a scale and a shift a class, held back by how few rows there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.recalibrate.tempered import affine_map, learn_affine, temper
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort


CARD = Card(
    name="StructuredVectorScaling",
    question="calibration",
    family="recalibrate",
    summary="a scale and a shift of each class, held back where rows are few",
    axes={"map": "a scale and a shift a class", "loss": "log loss, ridge", "grouping": "none"},
    paper="Berta, Holzmüller, Jordan, Bach 2026, AISTATS, arXiv:2511.03685 (SVS)",
    claims=("recovers the true temperature",),
    cost="temperature scaling, then O(n k^2) a Newton step; O(n k) beyond 150 classes",
    not_for="classes that are taken for each other: see StructuredMatrixScaling",
)


@dataclass(frozen=True)
class StructuredVectorScaling(AbstractCorrection):
    r"""Scale and shift each class after one temperature, with a ridge that fades with more rows.

    First the probabilities are tempered and mixed with the uniform ones in the share
    :math:`1/(n+1)`. Then :math:`(1 + v_j) z_j + b_j` minimises the mean loss plus
    :math:`\frac{k}{n}(\lambda_v \lVert v\rVert^2 + \lambda_b \lVert b\rVert^2)`: a number costs as
    much as its class has, on average, rows to pay for it. Always has a minimum.

    Parameters
    ----------
    loss
        ``"log_loss"`` or ``"brier"``.
    diagonal, intercept
        :math:`\lambda_v, \lambda_b` > 0: how strongly scales and shifts are held back.
    tolerance, steps
        As in ``MatrixScaling``.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000, classes=3)
    >>> m = StructuredVectorScaling().fit(world.evidence).map
    >>> round(m.parameters["temperature"], 1), bool(np.abs(m.weight - 1).max() < 0.1)
    (2.0, True)
    """

    loss: str = "log_loss"
    diagonal: float = 1.0
    intercept: float = 1.0
    tolerance: float = 1e-8
    steps: int = 200
    least_classes: ClassVar[int] = 3
    effort: ClassVar[Effort] = Effort.HEAVY

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        first, z = temper(logs, truth, weight)
        k = logs.shape[1]
        penalty = k / weight.sum() * np.tile([self.diagonal, self.intercept], (k, 1))
        theta, converged = learn_affine(self, z, truth, weight, penalty)
        return affine_map(theta, first=(first,)), converged
