"""Temperature scaling: one number that makes a classifier as confident as it is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.losses import loss_called
from trueup.calibration.recalibrate.scale import least_scale
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.expressions import Expr, Scaled
from trueup.core.fitted import AbstractMap


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


BLOCK = 2**16
"""Numbers of a table that stay in the processor's cache while a step reads them."""

FEW = 5_000
"""Rows from which the search starts: a Newton step over all rows then falls near the minimum."""


def best_scale(z, y, w, *, settings: TemperatureScaling) -> tuple[float, bool]:
    """Minimise a convex function of one variable by Newton inside a shrinking bracket."""
    some = slice(None, None, max(len(z) // FEW, 1))
    start, found = 1.0, False
    if len(z) >= 4 * FEW and w[some].sum() > 0:
        start, found = _newton(z[some], y[some], w[some], start, settings)
    return _newton(z, y, w, start if found else 1.0, settings)


def _newton(z, y, w, beta: float, settings: TemperatureScaling) -> tuple[float, bool]:
    # exp(beta (z - top)) cannot overflow, nor vanish for all classes.
    w, top = w / w.sum(), np.maximum(z[:, 0], z[:, 1]) if z.shape[1] == 2 else z.max(axis=1)
    truth = w @ (z[np.arange(len(z)), y] - top)
    low, high = 1.0 / settings.largest, settings.largest
    for _ in range(100):
        mean, curvature = _moments(beta, z, top, w)
        slope = mean - truth
        # A slope of 0 without curvature is a loss that has saturated: its minimum lies further up.
        low, high = (beta, high) if slope < 0 or curvature <= 0 else (low, beta)
        step = beta - slope / curvature if curvature > 0 else np.inf
        # Newton may leave the bracket where probabilities saturate; the geometric mean does not.
        inside = low <= step <= high
        new = float(step if inside else np.sqrt(low * high))
        # A Newton step leaves an error of the order of its square.
        error = (new / beta - 1.0) ** 2 * 100 if inside else abs(new / beta - 1.0)
        if error < settings.tolerance:
            return new, 1.001 < new * settings.largest and 1.001 * new < settings.largest
        beta = new
    return beta, False


def _moments(beta: float, z: np.ndarray, top: np.ndarray, w: np.ndarray) -> tuple[float, float]:
    """Weighted sums over rows of mean and variance of ``z - top`` under softmax(beta z)."""
    first = spread = 0.0
    size = max(BLOCK // z.shape[1], 1)
    for start in range(0, len(z), size):
        rows = slice(start, start + size)
        mean, variance = _row_moments(beta, z[rows], top[rows])
        first, spread = first + w[rows] @ mean, spread + w[rows] @ variance
    return float(first), float(spread)


def _row_moments(beta: float, z: np.ndarray, top: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (n,) of ``z - top`` in each row under softmax(beta z)."""
    if z.shape[1] == 2:  # one exponential a row
        below = -np.abs(z[:, 1] - z[:, 0])
        e = np.exp(beta * below)
        mean = below * e / (1.0 + e)
        return mean, mean * below / (1.0 + e)
    z, ones = z - top[:, None], np.ones(z.shape[1])
    e = np.exp(beta * z)
    total = e @ ones  # sums of rows, faster than sum(axis=1)
    e *= z
    mean = e @ ones / total
    return mean, np.einsum("nk,nk->n", e, z) / total - mean**2
