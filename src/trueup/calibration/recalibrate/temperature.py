"""Temperature scaling: one number that makes a classifier as confident as it is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.losses import loss_called
from trueup.calibration.recalibrate.scale import least_scale
from trueup.core.cards import Card
from trueup.core.expressions import Expr, Scaled
from trueup.core.fitted import AbstractCorrection, AbstractMap


CARD = Card(
    name="TemperatureScaling",
    question="calibration",
    family="recalibrate",
    summary="divide every logit by one number: cools an overconfident model, sharpens a timid one",
    axes={"map": "one scale", "loss": "log loss", "grouping": "none"},
    paper="Guo, Pleiss, Sun, Weinberger 2017, arXiv:1706.04599, section 4.2",
    mission=(10,),
    claims=(
        "recovers the true temperature",
        "keeps the ranking of classes",
        "does not raise the loss it is fitted on",
    ),
    cost="O(n k) a Newton step, about six steps",
    not_for="classes that err in opposite directions: one number cannot cool and sharpen",
)


@dataclass(frozen=True)
class TemperatureScaling(AbstractCorrection):
    r"""Divide every logit by one positive number, chosen to minimise the log loss.

    Use it first: it has nothing to overfit and never changes which class wins. It cannot help a
    model that is over-confident on one class and under-confident on another (see
    ``VectorScaling``), and it loses to training-time calibration where classes overlap.

    With log-probabilities :math:`z` and :math:`\beta = 1/T` the mean loss
    :math:`\operatorname{logsumexp}(\beta z) - \beta z_y` is convex in :math:`\beta`; its slope is
    :math:`\mathbb{E}_p[z] - z_y` and its curvature :math:`\operatorname{Var}_p[z]`, both means over
    rows.

    Parameters
    ----------
    tolerance
        Stop when the relative change of :math:`\beta` falls below this. Dimensionless, > 0.
    largest
        Bound on T and on 1/T. A fit that ends on it has not converged: the log loss has no
        minimum, as when every prediction is right.
    loss
        ``"log_loss"`` or ``"brier"``: what the temperature makes least.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=20_000, seed=0)     # says softmax(2 z), is softmax(z)
    >>> round(TemperatureScaling().fit(world.evidence).map.temperature, 1)
    2.0
    """

    tolerance: float = 1e-10
    largest: float = 1e3
    loss: str = "log_loss"

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        if self.loss == "log_loss":  # its moments alone are faster than slopes of every logit
            beta, converged = best_scale(logs, truth, weight, settings=self)
        else:
            loss = loss_called("TemperatureScaling", self.loss)
            bounds = {"tolerance": self.tolerance, "largest": self.largest}
            beta, converged = least_scale(loss, logs, truth, weight, **bounds)
        return Temperature(float(1.0 / beta)), converged


@dataclass(frozen=True)
class Temperature(AbstractMap):
    """Divide log-probabilities by ``temperature`` > 0; above 1 the model was over-confident."""

    temperature: float

    def expression(self, logs: Expr) -> Expr:
        return Scaled(logs, 1.0 / self.temperature)

    @property
    def parameters(self) -> dict[str, float]:
        return {"temperature": self.temperature}


def best_scale(z, y, w, *, settings: TemperatureScaling) -> tuple[float, bool]:
    """Minimise a convex function of one variable by Newton inside a shrinking bracket."""
    # The loss ignores a shift of a row, and exp(beta z) cannot overflow after this one.
    z = z - z.max(axis=1, keepdims=True)
    w = w / w.sum()
    truth = w @ z[np.arange(len(z)), y]
    low, high, beta = 1.0 / settings.largest, settings.largest, 1.0
    for _ in range(100):
        mean, square = _moments(beta, z)
        slope, curvature = w @ mean - truth, w @ (square - mean**2)
        # A slope of 0 without curvature is a loss that has saturated: its minimum lies further up.
        low, high = (beta, high) if slope < 0 or curvature <= 0 else (low, beta)
        step = beta - slope / curvature if curvature > 0 else np.inf
        # Newton may leave the bracket where probabilities saturate; the geometric mean does not.
        new = step if low <= step <= high else np.sqrt(low * high)
        if abs(new / beta - 1.0) < settings.tolerance:
            return new, 1.001 < new * settings.largest and 1.001 * new < settings.largest
        beta = new
    return beta, False


def _moments(beta, z):
    """First and second moment of each row of z under softmax(beta z)."""
    e = np.exp(beta * z)
    total = e.sum(axis=1)
    mean = np.einsum("nk,nk->n", e, z) / total
    return mean, np.einsum("nk,nk,nk->n", e, z, z) / total
