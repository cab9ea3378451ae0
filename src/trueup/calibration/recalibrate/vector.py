"""Vector scaling: a scale and a shift for every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from trueup.core.cards import Card
from trueup.core.fitted import AbstractCorrection, AbstractMap


CARD = Card(
    name="VectorScaling",
    question="calibration",
    family="recalibrate",
    summary="scale and shift the logit of each class: for classes that err in opposite directions",
    axes={"map": "a scale and a shift a class", "loss": "log loss", "grouping": "none"},
    paper="Guo, Pleiss, Sun, Weinberger 2017, arXiv:1706.04599, section 4.2",
    claims=("recovers the true temperature", "does not raise the loss it is fitted on"),
    cost="O(n k) an L-BFGS step, tens of steps",
    not_for="few rows a class: it has 2 k numbers to overfit",
)


@dataclass(frozen=True)
class VectorScaling(AbstractCorrection):
    r"""Map log-probabilities :math:`z_j` to :math:`b_j z_j + c_j`, by maximum likelihood.

    Convex; solved by L-BFGS with the analytic gradient from the identity, so it can only lower the
    loss that it is fitted on. The gradient of the mean loss is
    :math:`\sum_n w_n (q_{nj} - 1[y_n = j]) z_{nj}` in :math:`b_j`, and the same without
    :math:`z_{nj}` in :math:`c_j`.

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
    steps: int = 500
    least_classes: ClassVar[int] = 3  # for two classes it is Platt scaling, written twice

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        k, w = logs.shape[1], weight / weight.sum()
        onehot = np.zeros_like(logs)
        onehot[np.arange(len(logs)), truth] = 1.0

        def loss(theta):
            z = theta[:k] * logs + theta[k:]
            residual = w[:, None] * (softmax(z, axis=1) - onehot)
            gradient = np.concatenate([(residual * logs).sum(axis=0), residual.sum(axis=0)])
            return w @ (logsumexp(z, axis=1) - (z * onehot).sum(axis=1)), gradient

        start = np.concatenate([np.ones(k), np.zeros(k)])
        options = {"maxiter": self.steps, "gtol": self.tolerance, "ftol": 1e-15}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        shift = found.x[k:] - found.x[k:].mean()  # a common shift changes no probability
        # Where scores separate the classes the loss falls to 0 and the search ends on the way.
        bounded = np.abs(found.x).max() < 1e3 and found.fun > 10 * self.tolerance
        return VectorMap(found.x[:k], shift), bool(bounded and found.nit < self.steps)


@dataclass(frozen=True, eq=False)
class VectorMap(AbstractMap):
    """Log-probabilities z to ``scale * z + shift``, both (k,)."""

    scale: np.ndarray
    shift: np.ndarray

    def __call__(self, logs: np.ndarray) -> np.ndarray:
        return logs * self.scale + self.shift

    def sql(self, logs: Sequence[str]) -> list[str]:
        terms = zip(logs, self.scale.tolist(), self.shift.tolist(), strict=True)
        return [f"(({log}) * {scale!r} + {shift!r})" for log, scale, shift in terms]

    @property
    def parameters(self) -> dict[str, float]:
        return {
            "least scale": float(self.scale.min()),
            "greatest scale": float(self.scale.max()),
        }
