"""Vector scaling: a scale and a shift for every class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.expressions import Expr, Scaled
from trueup.core.fitted import AbstractCorrection, AbstractMap
from trueup.core.predictions import log_softmax


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

    Convex; solved by Newton with halved steps from the identity, so it can only lower the loss that
    it is fitted on. The gradient of the mean loss is
    :math:`\sum_n w_n (q_{nj} - 1[y_n = j]) z_{nj}` in :math:`b_j`, and the same without
    :math:`z_{nj}` in :math:`c_j`; the curvature between classes j and l is
    :math:`\sum_n w_n q_{nj} (1[j = l] - q_{nl})` times the same factors.

    Parameters
    ----------
    tolerance
        Stop when no component of the gradient exceeds this. In nats, > 0.
    steps
        At most this many steps.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000, classes=3)
    >>> VectorScaling().fit(world.evidence).map.scale.round(1)
    array([0.5, 0.5, 0.5])
    """

    tolerance: float = 1e-7
    steps: int = 100
    least_classes: ClassVar[int] = 3  # for two classes it is Platt scaling, written twice

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        k, w = logs.shape[1], weight / weight.sum()
        theta, loss, converged = np.concatenate([np.ones(k), np.zeros(k)]), np.inf, False
        for _ in range(self.steps):
            loss, gradient, curvature = _derivatives(theta, logs, truth, w)
            if np.abs(gradient).max() < self.tolerance:
                converged = True
                break
            step = np.linalg.lstsq(curvature, -gradient, rcond=1e-12)[0]
            size = _shortened(theta, step, loss, (logs, truth, w))
            if size == 0.0:
                break
            theta = theta + size * step
        shift = theta[k:] - theta[k:].mean()  # a common shift changes no probability
        # Where scores separate the classes the loss falls to 0 and the search ends on the way.
        bounded = np.abs(theta).max() < 1e3 and loss > 10 * self.tolerance
        return VectorMap(theta[:k], shift), bool(converged and bounded)


def _derivatives(theta, logs, truth, w):
    """Mean loss, its gradient (2 k,) and curvature (2 k, 2 k) in scales and shifts."""
    k, rows = logs.shape[1], np.arange(len(logs))
    z = log_softmax(theta[:k] * logs + theta[k:])
    q = np.exp(z)
    residual = w[:, None] * q
    residual[rows, truth] -= w
    gradient = np.concatenate([(residual * logs).sum(axis=0), residual.sum(axis=0)])
    wide = np.hstack([q * logs, q])
    weighted = w[:, None] * wide
    curvature = -weighted.T @ wide
    own = [(weighted[:, :k] * logs).sum(axis=0), weighted[:, :k].sum(axis=0)]
    j = np.arange(k)
    curvature[j, j] += own[0]
    curvature[j, j + k] += own[1]
    curvature[j + k, j] += own[1]
    curvature[j + k, j + k] += weighted[:, k:].sum(axis=0)
    return float(-(w @ z[rows, truth])), gradient, curvature


def _shortened(theta, step, loss: float, data) -> float:
    """The largest of 1, 1/2, 1/4, ... of the step that lowers the loss; 0 where none does."""
    logs, truth, w = data
    k, rows, size = logs.shape[1], np.arange(len(logs)), 1.0
    while size > 1e-8:
        new = theta + size * step
        z = log_softmax(new[:k] * logs + new[k:])
        if -(w @ z[rows, truth]) < loss:
            return size
        size /= 2
    return 0.0


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
