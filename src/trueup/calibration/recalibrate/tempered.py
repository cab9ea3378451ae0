"""The treatment before structured scaling: one temperature, then a floor under every class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.affine import Affine, solve
from trueup.calibration.recalibrate.losses import loss_called
from trueup.calibration.recalibrate.temperature import TemperatureScaling, best_scale
from trueup.core.expressions import Expr, Input, Linear, Scaled, evaluate, operate, softmax
from trueup.core.fitted import AbstractMap
from trueup.core.row_sums import row_blocks


@dataclass(frozen=True)
class Tempered(AbstractMap):
    """``(1 - uniform) softmax(z / temperature) + uniform / k``.

    The floor keeps a class that a model calls impossible within ``ln(k / uniform)`` of the others,
    so that no later scale can make one surprise cost more than all other rows together.
    """

    temperature: float
    uniform: float

    def expression(self, logs: Expr) -> Expr:
        cooled = softmax(Scaled(logs, 1.0 / self.temperature))
        return operate("log", Scaled(cooled, 1.0 - self.uniform, self.uniform / logs.width))

    @property
    def parameters(self) -> dict[str, float]:
        return {"temperature": self.temperature, "uniform": self.uniform}


@dataclass(frozen=True, eq=False)
class AffineMap(AbstractMap):
    """Log-probabilities z to ``weight @ z + shift``, after ``first``.

    Parameters
    ----------
    weight
        (k, k) row j holds what each class adds to the logit of class j; (k,) its diagonal alone.
    shift
        (k,) what is added.
    first
        Maps that go before, in their order.
    """

    weight: np.ndarray
    shift: np.ndarray
    first: tuple[AbstractMap, ...] = ()

    def expression(self, logs: Expr) -> Expr:
        for before in self.first:
            logs = before.expression(logs)
        if self.weight.ndim == 1:
            return Scaled(logs, self.weight, self.shift)
        return Linear(logs, self.weight, self.shift)

    @property
    def parameters(self) -> dict[str, float]:
        own = self.weight if self.weight.ndim == 1 else np.diag(self.weight)
        found = {name: value for before in self.first for name, value in before.parameters.items()}
        found |= {"least scale": float(own.min()), "greatest scale": float(own.max())}
        if self.weight.ndim == 2:
            off = np.abs(self.weight - np.diag(own))
            found["greatest other"] = float(off.max())
        return found


def temper(logs: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[Tempered, np.ndarray]:
    """The tempered map of least log loss and the log-probabilities (n, k) that it gives.

    One pseudo-row says that every class is possible: ``uniform = 1 / (n + 1)``.
    """
    beta, _ = best_scale(logs, truth, weight, settings=TemperatureScaling())
    made = Tempered(float(1.0 / beta), float(1.0 / (weight.sum() + 1.0)))
    expr, blocks = made.expression(Input("logs", logs.shape[1])), row_blocks(*logs.shape)
    return made, np.concatenate([evaluate(expr, {"logs": logs[rows]}) for rows in blocks])


def affine_map(theta: np.ndarray, *, first: tuple[AbstractMap, ...] = ()) -> AffineMap:
    """The map of fitted numbers (k, d); a common shift, which changes nothing, is taken out."""
    scale = theta[:, 0] if theta.shape[1] == 2 else theta[:, :-1]
    return AffineMap(scale, theta[:, -1] - theta[:, -1].mean(), first)


def learn_affine(settings, z, truth, weight, penalty: np.ndarray) -> tuple[np.ndarray, bool]:
    """Numbers (k, d) of the least penalised loss that ``settings`` ask for; whether reached."""
    loss = loss_called(type(settings).__name__, settings.loss)
    problem = Affine(z, truth, weight, loss, penalty)
    return solve(problem, tolerance=settings.tolerance, steps=settings.steps)
