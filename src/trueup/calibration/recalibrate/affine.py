"""The engine of affine maps of logits: Newton where they have few numbers, else L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, solve_triangular
from scipy.optimize import minimize

from trueup.calibration.recalibrate.losses import Loss
from trueup.core.predictions import log_softmax


FEW = 300
"""With at most this many numbers a Newton step is cheaper than the steps that it saves."""

LARGEST = 1e3
"""A number beyond this, without a penalty, is on its way to infinity."""


@dataclass(frozen=True, eq=False)
class Affine:
    """The mean loss of affine logits, plus a penalty.

    Class j gets the logit ``theta[j] . x_j``, where x_j is (z_j, 1) if each class is scaled by
    itself, and (z, 1) if all log-probabilities z enter.

    Attributes
    ----------
    logs
        (n, k) log-probabilities z.
    truth, weight
        (n,) class codes; weights >= 0.
    loss
        A row of ``LOSSES``.
    penalty
        (k, d) what the squared distance of each number from the identity costs; d is 2 where each
        class is scaled by itself, k + 1 where all enter.
    """

    logs: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    loss: Loss
    penalty: np.ndarray

    @cached_property
    def w(self) -> np.ndarray:
        """Weights that sum to one."""
        return self.weight / self.weight.sum()

    @property
    def full(self) -> bool:
        """Whether all log-probabilities enter the logit of each class."""
        return self.penalty.shape[1] > 2

    @cached_property
    def start(self) -> np.ndarray:
        """(k, d) the identity."""
        k = self.logs.shape[1]
        scale = np.eye(k) if self.full else np.ones((k, 1))
        return np.hstack([scale, np.zeros((k, 1))])

    @cached_property
    def wide(self) -> np.ndarray:
        """(n, d) the vector x that all classes share where all log-probabilities enter."""
        return np.hstack([self.logs, np.ones((len(self.logs), 1))])

    def logits(self, theta: np.ndarray) -> np.ndarray:
        """(n, k) logits at ``theta`` (k, d)."""
        if self.full:
            return self.logs @ theta[:, :-1].T + theta[:, -1]
        return self.logs * theta[:, 0] + theta[:, 1]

    def value(self, theta: np.ndarray) -> float:
        """The mean loss and its penalty."""
        return self._valued(log_softmax(self.logits(theta)), theta)

    def slope(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient (k, d)."""
        z = log_softmax(self.logits(theta))
        pull = self.w[:, None] * self.loss.slope(np.exp(z), self.truth)
        if self.full:
            gradient = np.hstack([pull.T @ self.logs, pull.sum(axis=0)[:, None]])
        else:
            gradient = np.stack([(pull * self.logs).sum(axis=0), pull.sum(axis=0)], axis=1)
        return self._valued(z, theta), gradient + 2.0 * self.penalty * (theta - self.start)

    def curvature(self, theta: np.ndarray) -> np.ndarray:
        """(k d, k d) curvature between all numbers."""
        d = theta.shape[1]
        found = self.loss.curvature(np.exp(log_softmax(self.logits(theta))))
        total = np.diag(2.0 * self.penalty.reshape(-1))
        for sign, u in found.ranks:
            # Rows sqrt(w) u_j x_j: their product holds all pairs of classes at once.
            spread = self._spread(np.sqrt(self.w)[:, None] * u)
            total += sign * (spread.T @ spread)
        for j, block in enumerate(self._blocks(self.w[:, None] * found.own)):
            total[j * d : (j + 1) * d, j * d : (j + 1) * d] += block
        return total

    def scales(self) -> np.ndarray:
        """(k, d, d) triangular factors of about the curvature of each class at the start."""
        own = self.w[:, None] * self.loss.curvature(np.exp(log_softmax(self.logs))).diagonal()
        if self.full:
            share = own.sum(axis=1)
            common = (self.wide * share[:, None]).T @ self.wide / share.sum()
            blocks = own.sum(axis=0)[:, None, None] * common
        else:
            blocks = np.array(self._blocks(own))
        blocks = blocks + 2.0 * self.penalty[:, :, None] * np.eye(self.penalty.shape[1])
        least = 1e-9 * np.trace(blocks, axis1=1, axis2=2).max() * np.eye(blocks.shape[1])
        return np.array([np.tril(cho_factor(block + least, lower=True)[0]) for block in blocks])

    def _valued(self, z: np.ndarray, theta: np.ndarray) -> float:
        penalty = (self.penalty * (theta - self.start) ** 2).sum()
        return float(self.w @ self.loss.value(z, self.truth) + penalty)

    def _spread(self, u: np.ndarray) -> np.ndarray:
        """(n, k d) the vectors u_j x_j side by side."""
        if self.full:
            return (u[:, :, None] * self.wide[:, None, :]).reshape(len(u), -1)
        return np.stack([u * self.logs, u], axis=2).reshape(len(u), -1)

    def _blocks(self, own: np.ndarray) -> list[np.ndarray]:
        """For each class the sum of own_j x_j x_j^T, (d, d)."""
        if self.full:
            return [(self.wide * column[:, None]).T @ self.wide for column in own.T]
        first, second = (own * self.logs).sum(axis=0), (own * self.logs**2).sum(axis=0)
        return [np.array([[s, f], [f, o]])
                for s, f, o in zip(second, first, own.sum(axis=0), strict=True)]  # fmt: skip


def solve(problem: Affine, *, tolerance: float, steps: int) -> tuple[np.ndarray, bool]:
    """Numbers (k, d) of least loss, and whether a minimum was reached.

    Both searches only go down from the identity. Where scores separate the classes and nothing is
    penalised, there is no minimum.

    Parameters
    ----------
    tolerance
        Stop when no component of the gradient exceeds this, in units of the loss, > 0.
    steps
        At most this many steps.
    """
    search = _newton if problem.start.size <= FEW else _lbfgs
    theta, loss, reached = search(problem, tolerance, steps)
    bounded = problem.penalty.min() > 0 or (np.abs(theta).max() < LARGEST and loss > 10 * tolerance)
    return theta, bool(reached and bounded)


def _newton(problem: Affine, tolerance: float, steps: int):
    theta, loss = problem.start, np.inf
    for _ in range(steps):
        loss, gradient = problem.slope(theta)
        if np.abs(gradient).max() < tolerance:
            return theta, loss, True
        turn = np.linalg.lstsq(problem.curvature(theta), -gradient.reshape(-1), rcond=1e-12)[0]
        new = _shortened(problem, theta, turn.reshape(theta.shape), loss)
        if new is None:
            return theta, loss, np.abs(gradient).max() < 1e3 * tolerance
        theta = new
    return theta, loss, False


def _shortened(problem: Affine, theta, turn, loss: float) -> np.ndarray | None:
    """Where the largest of 1, 1/2, 1/4, ... of the step that lowers the loss leads to."""
    size = 1.0
    while size > 1e-8:
        if problem.value(theta + size * turn) < loss:
            return theta + size * turn
        size /= 2
    return None


def _lbfgs(problem: Affine, tolerance: float, steps: int):
    """Limited memory, in numbers that have about unit curvature each."""
    scales, shape = problem.scales(), problem.start.shape

    def numbers(x: np.ndarray) -> np.ndarray:
        parts = zip(scales, x.reshape(shape), strict=True)
        return problem.start + np.array(
            [solve_triangular(scale, part, lower=True, trans="T") for scale, part in parts]
        )

    def objective(x: np.ndarray):
        loss, gradient = problem.slope(numbers(x))
        parts = zip(scales, gradient, strict=True)
        turned = [solve_triangular(scale, part, lower=True) for scale, part in parts]
        return loss, np.concatenate(turned)

    found = minimize(
        objective, np.zeros(problem.start.size), jac=True, method="L-BFGS-B",
        options={"maxiter": steps, "maxfun": 2 * steps, "maxcor": 30, "gtol": tolerance,
                 "ftol": 1e-14},
    )  # fmt: skip
    return numbers(found.x), float(found.fun), found.nit < steps and found.nfev < 2 * steps
