"""Vector scaling: a scale and a shift for every class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.recalibrate.tempered import learn_affine
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.expressions import Expr, Scaled
from trueup.core.fitted import AbstractMap


CARD = Card(
    name="VectorScaling",
    question="calibration",
    family="recalibrate",
    summary="scale and shift the logit of each class: for classes that err in opposite directions",
    axes={"map": "a scale and a shift a class", "loss": "log loss", "grouping": "none"},
    paper="Guo, Pleiss, Sun, Weinberger 2017, arXiv:1706.04599, section 4.2",
    claims=("recovers the true temperature", "does not raise the loss it is fitted on"),
    cost="O(n k^2) a Newton step, about ten steps",
    not_for="few rows a class: it has 2 k numbers to overfit",
)


@dataclass(frozen=True)
class VectorScaling(AbstractCorrection):
    r"""Map log-probabilities :math:`z_j` to :math:`b_j z_j + c_j`, by maximum likelihood.

    Convex for the log loss; solved from the identity downwards, so it can only lower the loss that
    it is fitted on. The gradient of the mean loss is
    :math:`\sum_n w_n (q_{nj} - 1[y_n = j]) z_{nj}` in :math:`b_j`, and the same without
    :math:`z_{nj}` in :math:`c_j`; the curvature between classes j and l is
    :math:`\sum_n w_n q_{nj} (1[j = l] - q_{nl})` times the same factors.

    Parameters
    ----------
    loss
        ``"log_loss"`` or ``"brier"``.
    tolerance
        Stop when no component of the gradient exceeds this, in units of the loss, > 0.
    steps
        At most this many steps.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000, classes=3)
    >>> VectorScaling().fit(world.evidence).map.scale.round(1)
    array([0.5, 0.5, 0.5])
    """

    loss: str = "log_loss"
    tolerance: float = 1e-7
    steps: int = 100
    least_classes: ClassVar[int] = 3  # for two classes it is Platt scaling, written twice

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        theta, converged = learn_affine(self, logs, truth, weight, np.zeros((logs.shape[1], 2)))
        shift = theta[:, 1] - theta[:, 1].mean()  # a common shift changes no probability
        return VectorMap(theta[:, 0], shift), converged


@dataclass(frozen=True, eq=False)
class VectorMap(AbstractMap):
    """Log-probabilities z to ``scale * z + shift``, both (k,)."""

    scale: np.ndarray
    shift: np.ndarray

    def expression(self, logs: Expr) -> Expr:
        return Scaled(logs, self.scale, self.shift)

    @property
    def parameters(self) -> dict[str, float]:
        return {
            "least scale": float(self.scale.min()),
            "greatest scale": float(self.scale.max()),
        }
