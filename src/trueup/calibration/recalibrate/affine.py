"""The engine of affine maps of logits: Newton's method, block by block of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trueup.calibration.recalibrate.losses import Loss
from trueup.calibration.recalibrate.temperature import TemperatureScaling, best_scale


FEW = 300
"""With at most this many numbers their whole curvature is cheaper than products with it."""

PRODUCTS = 30
"""Products with the curvature in one step, at most."""

BLOCK = 2**16
"""Numbers of a table that stay in the processor's cache while a step reads them."""

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
    def x(self) -> np.ndarray:
        """What the classes read: (z, 1) of shape (n, d) if they share it, else z alone (n, k)."""
        return np.hstack([self.logs, np.ones((len(self.logs), 1))]) if self.full else self.logs

    @property
    def blocks(self) -> list[slice]:
        """Rows, block by block."""
        size = max(BLOCK // self.x.shape[1], 1)
        return [slice(first, first + size) for first in range(0, len(self.x), size)]

    def logits(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(n, k) logits at ``theta`` (k, d) of rows of ``x``."""
        return x @ theta.T if self.full else x * theta[:, 0] + theta[:, 1]

    def apart(self, numbers: np.ndarray) -> np.ndarray:
        """``numbers`` (k, d) without what adds the same to the logits of all classes."""
        alike = numbers.mean(axis=0)
        if not self.full:  # the same scale adds something else to each
            alike[:-1] = 0.0
        return numbers - alike

    def gathered(self, pull: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(k, d) sums over rows of ``pull`` (n, k) times x_j."""
        if self.full:
            return pull.T @ x
        return np.stack([np.einsum("nk,nk->k", pull, x), pull.sum(axis=0)], axis=1)

    def value(self, theta: np.ndarray) -> float:
        """The mean loss and its penalty."""
        return self.slope(theta)[0]

    def slope(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient (k, d)."""
        away = theta - self.start
        value, gradient = float((self.penalty * away**2).sum()), 2.0 * self.penalty * away
        for rows in self.blocks:
            x, truth, w = self.x[rows], self.truth[rows], self.w[rows]
            z, q = _softmax(self.logits(theta, x))
            value += float(w @ self.loss.value(z, truth))
            gradient += self.gathered(w[:, None] * self.loss.slope(q, truth), x)
        return value, gradient

    def curvature(self, theta: np.ndarray) -> np.ndarray:
        """(k d, k d) curvature between all numbers."""
        k, d = theta.shape
        total, own = np.zeros((d * k, d * k)), np.zeros((k, d, d))
        for rows in self.blocks:
            x, w = self.x[rows], self.w[rows, None]
            found = self.loss.curvature(_softmax(self.logits(theta, x))[1])
            for sign, u in found.ranks:
                # Rows sqrt(w) u_j x_j: their product holds all pairs of classes at once.
                spread = self._spread(np.sqrt(w) * u, x)
                total += sign * (spread.T @ spread)
            own += self._own(w * found.own, x)
        # From numbers in the order of their kind to those in the order of their class.
        total = total.reshape(d, k, d, k).transpose(1, 0, 3, 2).reshape(k * d, k * d)
        for j, block in enumerate(own):
            total[j * d : (j + 1) * d, j * d : (j + 1) * d] += block
        return total + np.diag(2.0 * self.penalty.reshape(-1))

    def product(self, theta: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Curvature times any direction (k, d), in single precision: it only shapes the steps."""
        kept = []
        for rows in self.blocks:
            x, w = self.x[rows], self.w[rows, None].astype(np.float32)
            q = _softmax(self.logits(theta, x))[1].astype(np.float32)
            kept.append((x.astype(np.float32), w, self.loss.curvature(q)))

        def times(way: np.ndarray) -> np.ndarray:
            # What moves all classes alike moves no probability: kept out, with its rounding.
            single, total = self.apart(way).astype(np.float32), np.zeros_like(way)
            for x, w, found in kept:
                turn = self.logits(single, x)
                pull = found.own * turn
                for sign, u in found.ranks:
                    pull += u * (sign * np.einsum("nk,nk->n", u, turn))[:, None]
                pull *= w
                total += self.gathered(pull, x)
            return self.apart(total) + 2.0 * self.penalty * way

        return times

    def inverses(self) -> np.ndarray:
        """(k, d, d) inverses of about the curvature of each class at the start."""
        k, d = self.penalty.shape
        own, common = np.zeros((k, d, d)), np.zeros((d, d))
        share = np.zeros(k)
        for rows in self.blocks:
            x = self.x[rows]
            q = _softmax(self.logits(self.start, x))[1]
            bend = self.w[rows, None] * self.loss.curvature(q).diagonal()
            if self.full:  # all classes share the shape of what they read
                share += bend.sum(axis=0)
                common += (x * bend.sum(axis=1)[:, None]).T @ x
            else:
                own += self._own(bend, x)
        if self.full:
            own = share[:, None, None] * (common / max(share.sum(), 1e-300))
        own = own + 2.0 * self.penalty[:, :, None] * np.eye(d)
        # A loss that has saturated has no curvature at all.
        least = 1e-9 * np.trace(own, axis1=1, axis2=2).max() + 1e-12
        return np.linalg.inv(own + least * np.eye(d))

    def _spread(self, u: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(n, d k) the vectors u_j x_j side by side, in the order of the numbers' kind."""
        if self.full:
            return (x[:, :, None] * u[:, None, :]).reshape(len(u), -1)
        return np.hstack([u * x, u])

    def _own(self, own: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(k, d, d) for each class the sum of own_j x_j x_j^T."""
        if self.full:
            return np.array([(x * column[:, None]).T @ x for column in own.T])
        first = own * x
        sums = (np.einsum("nk,nk->k", first, x), first.sum(axis=0), own.sum(axis=0))
        return np.stack([sums[0], sums[1], sums[1], sums[2]], axis=1).reshape(-1, 2, 2)


def _softmax(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities and probabilities of logits (n, k), which are overwritten."""
    z -= z.max(axis=1, keepdims=True)
    q = np.exp(z)
    total = q.sum(axis=1, keepdims=True)
    q /= total
    z -= np.log(total)
    return z, q


def solve(problem: Affine, *, tolerance: float, steps: int) -> tuple[np.ndarray, bool]:
    """Numbers (k, d) of least loss, and whether a minimum was reached.

    Newton's steps only go down from the identity, or from the best single scale where that is
    better. Where scores separate the classes and nothing is penalised, there is no minimum.

    Parameters
    ----------
    tolerance
        Stop when no component of the gradient exceeds this, in units of the loss, > 0.
    steps
        At most this many steps.
    """
    theta, loss, gradient = _first(problem)
    turned = _exact(problem) if theta.size <= FEW else _conjugate(problem)
    reached = False
    for _ in range(steps):
        steep = np.abs(gradient).max()
        reached = bool(steep < tolerance)
        if reached or np.abs(theta).max() > LARGEST:
            break
        found = _shortened(problem, theta, turned(theta, gradient), loss)
        if found is None:  # rounding hides what is left to gain
            reached = bool(steep < 1e3 * tolerance)
            break
        theta, loss, gradient = found
    bounded = problem.penalty.min() > 0 or (np.abs(theta).max() < LARGEST and loss > 10 * tolerance)
    return theta, bool(reached and bounded)


def _first(problem: Affine) -> tuple[np.ndarray, float, np.ndarray]:
    """Where the search starts, with the loss and its gradient there."""
    made = (problem.start, *problem.slope(problem.start))
    if problem.penalty.min() > 0:  # held to the identity
        return made
    settings = TemperatureScaling(tolerance=1e-4)
    beta, _ = best_scale(problem.logs, problem.truth, problem.weight, settings=settings)
    cooled = (beta * problem.start, *problem.slope(beta * problem.start))
    return cooled if cooled[1] < made[1] else made


def _shortened(problem: Affine, theta, turn, loss: float):
    """Where the largest of 1, 1/2, 1/4, ... of the step that lowers the loss leads to."""
    size = 1.0
    while size > 1e-8:
        new = theta + size * turn
        lower, gradient = problem.slope(new)
        if lower < loss:
            return new, lower, gradient
        size /= 2
    return None


def _exact(problem: Affine):
    """Newton's step from the whole curvature."""

    def turned(theta: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        flat = np.linalg.lstsq(problem.curvature(theta), -gradient.reshape(-1), rcond=1e-12)[0]
        return flat.reshape(theta.shape)

    return turned


def _conjugate(problem: Affine):
    """Newton's step by conjugate gradients, to as many digits as the gradient has lost."""
    inverses, held = problem.inverses(), 2.0 * problem.penalty.mean(axis=0)

    def eased(r: np.ndarray) -> np.ndarray:
        """About the inverse curvature times ``r``; only penalties bend what all classes share."""
        own = problem.apart(r)
        shared = np.divide(r - own, held, out=np.zeros_like(r), where=held > 0)
        return problem.apart((inverses @ own[:, :, None])[:, :, 0]) + shared

    first: list[float] = []

    def turned(theta: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        times, left = problem.product(theta), -gradient
        step, way = np.zeros_like(theta), eased(left)
        gain = (left * way).sum()
        first.append(gain)
        goal = gain * min(0.1, np.sqrt(gain / first[0])) ** 2
        for _ in range(PRODUCTS):
            bent = times(way)
            bend = (way * bent).sum()
            if bend <= 0.0:
                break
            step, left = step + gain / bend * way, left - gain / bend * bent
            eased_left = eased(left)
            before, gain = gain, (left * eased_left).sum()
            if gain <= goal:
                break
            way = eased_left + gain / before * way
        return step if step.any() else way

    return turned
