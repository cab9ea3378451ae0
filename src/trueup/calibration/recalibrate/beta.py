"""Beta calibration: a curve with three numbers that also bends the other way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.logistic import newton
from trueup.core.cards import Card
from trueup.core.events import AbstractEventCorrection, AbstractEventMap
from trueup.core.expressions import Expr, Scaled, operate


CARD = Card(
    name="BetaCalibration",
    question="calibration",
    family="recalibrate",
    summary="three numbers: bends the two tails of the score differently",
    axes={"map": "two scales and a shift", "loss": "log loss", "grouping": "one versus rest"},
    paper="Kull, Silva Filho, Flach 2017, AISTATS, PMLR 54",
    claims=("recovers the true slope and shift",),
    cost="O(n) a Newton step, about six steps; times k for k > 2 classes",
    not_for="very few rows: three numbers are two more than a temperature",
)


@dataclass(frozen=True)
class BetaCalibration(AbstractEventCorrection):
    """Map p to log-odds ``a ln p - b ln(1 - p) + c`` with a, b >= 0, by maximum likelihood.

    The exact correction when scores of both classes follow beta laws; contains Platt scaling
    (a = b) and the identity (a = b = 1, c = 0). A negative coefficient is set to zero and the rest
    refitted, as in the paper, so that the map never falls.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=50_000)
    >>> m = BetaCalibration().fit(world.evidence).map
    >>> round(m.a, 1), round(m.b, 1)
    (0.5, 0.5)
    """

    def learn_event(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray):
        rest = np.log1p(np.exp(-np.abs(x)))  # ln p and -ln(1 - p) share it
        features = np.stack([np.minimum(x, 0) - rest, np.maximum(x, 0) + rest, np.ones_like(x)]).T
        keep = [0, 1, 2]
        theta, converged = newton(features, y, weight)
        while (theta[:-1] < 0).any():
            keep = [
                column
                for column, value in zip(keep, theta, strict=True)
                if value >= 0 or column == 2
            ]
            theta, converged = newton(features[:, keep], y, weight)
        full = np.zeros(3)
        full[keep] = theta
        return BetaCurve(*map(float, full)), converged


@dataclass(frozen=True)
class BetaCurve(AbstractEventMap):
    """Log-odds ``a ln p - b ln(1 - p) + c``."""

    a: float
    b: float
    c: float

    def odds(self, x: Expr) -> Expr:
        p, rest = operate("softplus", Scaled(x, -1.0)), operate("softplus", x)
        return operate("add", Scaled(p, -self.a), Scaled(rest, self.b, self.c))

    @property
    def parameters(self) -> dict[str, float]:
        return {"a": self.a, "b": self.b, "c": self.c}
