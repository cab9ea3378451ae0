"""Dirichlet calibration: matrix scaling of log-probabilities, held back off the diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.recalibrate.matrix import MatrixScaling
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.effort import Effort


CARD = Card(
    name="DirichletCalibration",
    question="calibration",
    family="recalibrate",
    summary="matrix scaling of log-probabilities, held back off the diagonal and in its shift",
    axes={"map": "a matrix and a shift", "loss": "log loss, ODIR", "grouping": "none"},
    paper="Kull et al. 2019, NeurIPS, arXiv:1910.12656",
    claims=("recovers the true temperature", "does not raise the loss it is fitted on"),
    cost="that of MatrixScaling",
    not_for="fewer than some hundred rows a class: see StructuredMatrixScaling",
)


@dataclass(frozen=True)
class DirichletCalibration(AbstractCorrection):
    """The exact correction when the probabilities of each class follow a Dirichlet law.

    ``MatrixScaling`` of log-probabilities with the penalty ODIR: a row of the same engine. The
    published penalties are chosen by cross-validation; the defaults are those of a published
    benchmark. They do not fade with n, as the mean loss does not grow with it.

    Parameters
    ----------
    off_diagonal, intercept
        Penalties as in ``MatrixScaling``, >= 0.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000, classes=3)
    >>> DirichletCalibration().fit(world.evidence).map.weight.diagonal().round(1)
    array([0.5, 0.5, 0.5])
    """

    off_diagonal: float = 1e-3
    intercept: float = 1e-3
    least_classes: ClassVar[int] = 3
    effort: ClassVar[Effort] = Effort.HEAVY

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        row = MatrixScaling(off_diagonal=self.off_diagonal, intercept=self.intercept)
        return row.learn(logs, truth, weight)
