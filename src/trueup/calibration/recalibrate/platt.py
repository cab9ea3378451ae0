"""Platt scaling: a straight line through the log-odds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.logistic import newton
from trueup.core.cards import Card
from trueup.core.events import AbstractEventCorrection, AbstractEventMap
from trueup.core.expressions import Expr, Scaled


CARD = Card(
    name="PlattScaling",
    question="calibration",
    family="recalibrate",
    summary="scale and shift the log-odds: corrects confidence and a wrong base rate together",
    axes={"map": "scale and shift", "loss": "log loss", "grouping": "one versus rest"},
    paper="Platt 1999, Advances in Large Margin Classifiers; Lin, Lin, Weng 2007, ML 68(3)",
    claims=("recovers the true slope and shift",),
    cost="O(n) a Newton step, about six steps; times k for k > 2 classes",
    not_for="curves that bend: see BetaCalibration and IsotonicCalibration",
)


@dataclass(frozen=True)
class PlattScaling(AbstractEventCorrection):
    """Map log-odds ``x`` to ``a + b x``, by maximum likelihood on Platt's softened targets.

    Works on log-odds, never on probabilities: a line through probabilities is another and much
    worse model. The targets ``(n1 + 1) / (n1 + 2)`` and ``1 / (n0 + 2)`` keep the fit finite where
    the scores separate the classes. With several classes each is mapped against the rest.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, shift=0.4, rows=50_000)     # true: x / 2 - 0.2
    >>> m = PlattScaling().fit(world.evidence).map
    >>> round(m.slope, 1), round(m.intercept, 1)
    (0.5, -0.2)
    """

    def learn_event(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray):
        ones = weight @ y
        zeros = weight.sum() - ones
        soft = np.where(y > 0.5, (ones + 1) / (ones + 2), 1 / (zeros + 2))
        theta, converged = newton(np.stack([np.ones_like(x), x]).T, soft, weight)
        return Line(float(theta[1]), float(theta[0])), converged


@dataclass(frozen=True)
class Line(AbstractEventMap):
    """Log-odds x to ``intercept + slope x``."""

    slope: float
    intercept: float

    def odds(self, x: Expr) -> Expr:
        return Scaled(x, self.slope, self.intercept)

    @property
    def parameters(self) -> dict[str, float]:
        return {"slope": self.slope, "intercept": self.intercept}
