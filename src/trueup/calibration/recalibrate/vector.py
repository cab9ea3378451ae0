"""Vector scaling: a scale and a shift for every class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.recalibrate.temperature import BLOCK, TemperatureScaling, best_scale
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

TINY = 1e-300
"""Least weight by which is divided; a row of weight 0 then adds 0."""


@dataclass(frozen=True)
class VectorScaling(AbstractCorrection):
    r"""Map log-probabilities :math:`z_j` to :math:`b_j z_j + c_j`, by maximum likelihood.

    Convex; solved by Newton with halved steps from the best temperature, so it can only lower the
    loss that it is fitted on. The gradient of the mean loss is
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
        beta, found = best_scale(logs, truth, weight, settings=TemperatureScaling())
        theta, converged = np.repeat([beta if found else 1.0, 0.0], k), False
        loss, gradient, curvature = _derivatives(theta, logs, truth, w)
        for _ in range(self.steps):
            if np.abs(gradient).max() < self.tolerance:
                converged = True
                break
            step, size = np.linalg.lstsq(curvature, -gradient, rcond=1e-12)[0], 1.0
            new, gradient, curvature = _derivatives(theta + step, logs, truth, w)
            while not new < loss and size > 1e-8:
                size /= 2
                new, gradient, curvature = _derivatives(theta + size * step, logs, truth, w)
            if not new < loss:
                break
            theta, loss = theta + size * step, new
        shift = theta[k:] - theta[k:].mean()  # a common shift changes no probability
        # Where scores separate the classes the loss falls to 0 and the search ends on the way.
        bounded = np.abs(theta).max() < 1e3 and loss > 10 * self.tolerance
        return VectorMap(theta[:k], shift), bool(converged and bounded)


def _derivatives(theta, logs, truth, w):
    """Mean loss, its gradient (2 k,) and curvature (2 k, 2 k) in scales and shifts."""
    k = logs.shape[1]
    loss, gradient, own = 0.0, np.zeros((2, k)), np.zeros((3, k))
    between, size = np.zeros((2 * k, 2 * k)), max(BLOCK // k, 1)
    for start in range(0, len(logs), size):
        z, y, weight = (a[start : start + size] for a in (logs, truth, w))
        rows = np.arange(len(z))
        said = log_softmax(theta[:k] * z + theta[k:])
        loss -= weight @ said[rows, y]
        q = np.exp(said) * weight[:, None]
        own += [np.einsum("nk,nk,nk->k", q, z, z), np.einsum("nk,nk->k", q, z), q.sum(axis=0)]
        wide = np.hstack([q * z, q]) / np.sqrt(np.maximum(weight, TINY))[:, None]
        between += wide.T @ wide
        np.add.at(gradient, (0, y), -weight * z[rows, y])
        np.add.at(gradient, (1, y), -weight)
    gradient += own[1:]
    curvature, j = -between, np.arange(k)
    curvature[j, j] += own[0]
    curvature[j, j + k] += own[1]
    curvature[j + k, j] += own[1]
    curvature[j + k, j + k] += own[2]
    return float(loss), gradient.ravel(), curvature


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
