"""EMOS: a normal law whose mean and variance are lines of what the forecast says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr

from trueup.calibration.distributions.maps import variance_over
from trueup.calibration.distributions.newton import least
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.expressions import Expr, Join, Scaled, mean_over, operate
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form
from trueup.core.laws import mean_of, sd_of
from trueup.core.predictions import Ensemble


CARD = Card(
    name="EMOS",
    question="calibration",
    family="distributions",
    summary="a normal law whose mean and variance are lines of the stated mean and variance",
    axes={"map": "two lines", "loss": "CRPS or log score"},
    paper="Gneiting, Raftery, Westveld & Goldman 2005, Monthly Weather Review 133(5), section 2",
    claims=("recovers the spread", "recovers the bias", "covers its level", "does no harm"),
    cost="O(n) a Newton step, ten to thirty steps",
    not_for="skewed truths such as rain or wind; fewer than about fifty rows",
)

LOSSES = ("crps", "log_score")
ROOT_PI = float(np.sqrt(np.pi))
SMALLEST = 1e-6
"""Least standard deviation that comes out, in standard deviations of the truth around the line."""


@dataclass(frozen=True)
class Emos(AbstractMap):
    """The law N(a + b m, c + d s^2).

    Parameters
    ----------
    intercept, slope
        a and b.
    variance, factor
        c and d, at least 0.
    members
        Number of members whose mean m and variance s^2 are taken; 0 where both are stated.
    """

    intercept: float
    slope: float
    variance: float
    factor: float
    members: int

    def expression(self, logs: Expr) -> Expr:
        mean, square = (mean_over(logs), variance_over(logs)) if self.members else (
            logs[0], operate("multiply", logs[1], logs[1]))  # fmt: skip
        sd = operate("sqrt", Scaled(square, self.factor, self.variance))
        return Join((Scaled(mean, self.slope, self.intercept), sd))

    @property
    def parameters(self) -> dict[str, float]:
        return {"a": self.intercept, "b": self.slope, "c": self.variance, "d": self.factor}


@dataclass(frozen=True)
class EMOS(AbstractCorrection):
    r"""Ensemble model output statistics: :math:`N(a + b m,\ c + d s^2)`.

    Use it for ensembles and normal laws of quantities that are about normal, such as temperature or
    pressure: it mends bias and spread at once, and tells how much the spread of the members says
    (d) beyond what is always uncertain (c). It turns an ensemble into a normal law.

    m is the mean and :math:`s^2` the variance that is stated (of an ensemble the unbiased variance
    of its members). a, b, :math:`c, d \ge 0` make the mean CRPS least, with
    :math:`u = (y - \mu) / \sigma`

    .. math:: \sigma \{u (2 \Phi(u) - 1) + 2 \varphi(u) - 1 / \sqrt{\pi}\},

    or the mean log score :math:`\log \sigma + u^2 / 2`, by Newton steps with exact derivatives in
    a, b, log c and log d. The search starts from the line of least squares.

    Parameters
    ----------
    loss
        ``"crps"``, which withstands outliers, or ``"log_score"``, which is maximum likelihood.
    steps
        At most this many Newton steps.

    Examples
    --------
    >>> from trueup.worlds import forecasts
    >>> world = forecasts("ensemble", spread=0.5, rows=2_000)
    >>> fitted = EMOS().fit(world.evidence)
    >>> fitted.gives.names
    ('mean', 'sd')
    >>> after = fitted.apply(world.evidence.prediction)
    >>> bool(abs(((world.evidence.truth - after.mean) / after.sd).std() - 1) < 0.1)
    True
    """

    loss: str = "crps"
    steps: int = 200
    kinds: ClassVar[tuple[str, ...]] = ("ensemble", "normal")

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise FitError("EMOS", f"loss is '{self.loss}'", do=f"Use one of {', '.join(LOSSES)}")

    def gives(self, takes: Form) -> Form:
        return Form("normal", 2)

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        prediction, y, w = evidence.prediction, evidence.truth, weight / weight.sum()
        m, square = mean_of(prediction), sd_of(prediction) ** 2
        # Numbers of the order of one: the search then needs no settings of the user's unit.
        centre, scale = float(w @ m), float(np.sqrt(w @ (m - w @ m) ** 2)) or 1.0
        x = (m - centre) / scale
        line, wide = _line(x, y, w)
        if not wide > 0:
            return self._map(prediction, (line[0] - line[1] * centre / scale, line[1] / scale),
                             (float(np.finfo(float).tiny) ** 0.5, 1.0)), False  # fmt: skip
        said = float(w @ square) or 1.0
        start = np.array([*(line / wide), np.log(0.5), np.log(0.5)])
        loss = _loss(self.loss, x, square / said, y / wide, w)
        found, converged = least(loss, start, tolerance=1e-13, steps=self.steps)
        a, b = found[:2] * wide
        c, d = np.exp(np.clip(found[2:], -60.0, 60.0)) * wide**2
        lines = (float(a - b * centre / scale), float(b / scale))
        return self._map(prediction, lines, (max(c, (SMALLEST * wide) ** 2), d / said)), converged

    def _map(self, prediction, line, variance) -> Emos:
        members = prediction.members.shape[1] if isinstance(prediction, Ensemble) else 0
        return Emos(float(line[0]), float(line[1]), float(variance[0]), float(variance[1]), members)


def _line(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float]:
    """Intercept and slope of least squares on a centred x, and the sd around the line."""
    mean, spread = float(w @ y), float(w @ x**2)
    slope = float((w * x) @ (y - mean)) / spread if spread > 0 else 0.0
    return np.array([mean, slope]), float(np.sqrt(w @ (y - mean - slope * x) ** 2))


def _loss(name: str, x, square, y, w):
    """The mean loss at (a, b, log c, log d), with its derivatives."""
    score = {"crps": _crps, "log_score": _log_score}[name]
    lines = np.column_stack([np.ones(len(x)), x])

    def function(theta: np.ndarray):
        if np.abs(theta[2:]).max() > 80 or np.abs(theta).max() > 1e8:
            return np.inf, np.zeros(4), np.eye(4)
        parts = np.column_stack([np.full(len(x), np.exp(theta[2])), np.exp(theta[3]) * square])
        sigma = np.sqrt(parts.sum(axis=1))
        value, first, second = score((y - lines @ theta[:2]) / sigma, sigma)
        rise = parts / (2 * sigma[:, None])  # of sigma with log c and log d
        pull = np.hstack([first[:, :1] * lines, first[:, 1:] * rise])
        outer = np.empty((4, 4))
        outer[:2, :2] = (lines * (w * second[:, 0])[:, None]).T @ lines
        outer[:2, 2:] = (lines * (w * second[:, 1])[:, None]).T @ rise
        outer[2:, :2] = outer[:2, 2:].T
        outer[2:, 2:] = (rise * (w * second[:, 2])[:, None]).T @ rise
        # Second derivatives of sigma itself: parts_j [j = k] / (2 sigma) - parts_j parts_k / ...
        own = w * first[:, 1]
        outer[2:, 2:] += np.diag(own @ rise) - (rise * (own / sigma)[:, None]).T @ rise
        return float(w @ value), w @ pull, outer

    return function


def _crps(u: np.ndarray, sigma: np.ndarray):
    """CRPS (n,), its slope in (mean, sd) (n, 2) and curvature in (mm, ms, ss) (n, 3)."""
    density = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    side = 2 * ndtr(u) - 1
    value = sigma * (u * side + 2 * density - 1 / ROOT_PI)
    bend = 2 * density / sigma
    return (value, np.column_stack([-side, 2 * density - 1 / ROOT_PI]),
            np.column_stack([bend, bend * u, bend * u**2]))  # fmt: skip


def _log_score(u: np.ndarray, sigma: np.ndarray):
    """As ``_crps``, of log sigma + u^2 / 2."""
    return (np.log(sigma) + u**2 / 2, np.column_stack([-u / sigma, (1 - u**2) / sigma]),
            np.column_stack([np.ones(len(u)), 2 * u, 3 * u**2 - 1])
            / sigma[:, None] ** 2)  # fmt: skip
