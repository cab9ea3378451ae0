"""Ensemble temperature scaling: a mixture of the cooled, the original and the clueless forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from trueup.calibration.recalibrate.temperature import TemperatureScaling, best_scale
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.expressions import Expr, Scaled, operate, softmax
from trueup.core.fitted import AbstractMap
from trueup.core.probabilities import log_softmax


CARD = Card(
    name="EnsembleTemperatureScaling",
    question="calibration",
    family="recalibrate",
    summary="mix the tempered, the original and the uniform probabilities: guards the far tails",
    axes={"map": "mixture of three", "loss": "log loss", "grouping": "none"},
    paper="Zhang, Kailkhura, Han 2020, arXiv:2003.07329, section 4.1",
    claims=("keeps the ranking of classes", "does not raise the loss it is fitted on"),
    cost="temperature scaling, then O(n) a step of the weights",
    not_for="classes that err in opposite directions: see VectorScaling",
)


@dataclass(frozen=True)
class EnsembleTemperatureScaling(AbstractCorrection):
    """Mix ``softmax(z / T)``, the original probabilities and ``1 / k``.

    T comes from temperature scaling; the three weights, >= 0 and summing to one, then maximise the
    likelihood, a concave problem. The uniform part puts a floor under probabilities that a model
    wrongly calls impossible.

    Parameters
    ----------
    tolerance
        The mixture must beat temperature scaling alone by this mean log-likelihood, in nats, >= 0.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000, classes=3)
    >>> m = EnsembleTemperatureScaling().fit(world.evidence).map
    >>> round(m.temperature, 1), bool(abs(m.tempered + m.original + m.uniform - 1) < 1e-9)
    (2.0, True)
    """

    tolerance: float = 1e-9

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        beta, converged = best_scale(logs, truth, weight, settings=TemperatureScaling())
        rows, w = np.arange(len(logs)), weight / weight.sum()
        uniform = np.full(len(logs), 1 / logs.shape[1])
        tempered = log_softmax(beta * logs)[rows, truth]
        likelihood = np.column_stack([np.exp(tempered), np.exp(logs[rows, truth]), uniform])
        share = _best_shares(likelihood, w)
        # A search on the simplex stops short of the corner where temperature scaling is best.
        mixed = w @ np.log(likelihood @ share)
        share = share if mixed > w @ tempered + self.tolerance else np.array([1.0, 0.0, 0.0])
        return Mixture(float(1 / beta), *map(float, share)), converged


def _best_shares(likelihood: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Shares (3,), >= 0 and summing to one, with the greatest mean log of the mixture."""

    def loss(share):
        mixed = np.maximum(likelihood @ share, 1e-300)
        return -(w @ np.log(mixed)), -(likelihood.T @ (w / mixed))

    whole = {"type": "eq", "fun": lambda s: s.sum() - 1.0, "jac": lambda s: np.ones(3)}
    found = minimize(
        loss, np.full(3, 1 / 3), jac=True, method="SLSQP", bounds=[(0, 1)] * 3, constraints=whole
    )
    share = np.clip(found.x, 0.0, 1.0)
    return share / share.sum()


@dataclass(frozen=True)
class Mixture(AbstractMap):
    """``tempered softmax(z / temperature) + original softmax(z) + uniform / k``."""

    temperature: float
    tempered: float
    original: float
    uniform: float

    def expression(self, logs: Expr) -> Expr:
        cooled = Scaled(softmax(Scaled(logs, 1.0 / self.temperature)), self.tempered)
        plain = Scaled(softmax(logs), self.original, self.uniform / logs.width)
        return operate("log", operate("add", cooled, plain))

    @property
    def parameters(self) -> dict[str, float]:
        return {
            "temperature": self.temperature,
            "tempered": self.tempered,
            "original": self.original,
            "uniform": self.uniform,
        }
