"""Spread scaling: one number that makes a forecast as wide as its errors are large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr

from trueup.calibration.distributions.maps import Affine, Stretched
from trueup.calibration.distributions.middles import column_levels, middle_weights, spread_weights
from trueup.calibration.distributions.newton import least
from trueup.calibration.distributions.pinball import best_factor, best_pair
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form, columns_of, form_of
from trueup.core.laws import sd_of
from trueup.core.predictions import Ensemble


CARD = Card(
    name="SpreadScaling",
    question="calibration",
    family="distributions",
    summary="multiply the spread around the middle by one number: widens what is too sure",
    axes={"map": "one factor, with or without a shift", "loss": "CRPS, WIS or log score"},
    paper="Levi, Gispan, Giladi & Fetaya 2022, Sensors 22(15):5540 (a factor on the sd); Gneiting, "
    "Raftery, Westveld & Goldman 2005, Monthly Weather Review 133(5), equation 5 (the CRPS)",
    claims=("recovers the spread", "covers its level", "does no harm"),
    cost="O(n w) a step, about ten steps; a sort of n w numbers for quantiles and ensembles",
    not_for="spreads that are wrong by different factors: see EMOS and ConformalShift",
)

SHIFTS = ("none", "constant", "spread")
LOSSES = ("crps", "log_score")
ROOT_PI = float(np.sqrt(np.pi))


@dataclass(frozen=True)
class SpreadScaling(AbstractCorrection):
    r"""Multiply the spread around the middle by one factor, and shift the middle if asked.

    Use it first for a forecast whose intervals hold the truth too seldom or too often: it has one
    number to learn and keeps the shape. It cannot mend a spread that is too narrow on some rows and
    too wide on others.

    With the middle :math:`m` and the spread :math:`s` of a row every column becomes
    :math:`m + a e + f (x - m)`, where e is 1 for a constant shift and s for one in spreads. The
    middle is the mean of a normal law or an ensemble, the median of quantiles, the middle of an
    interval. By the log score there is a closed form, with :math:`z = (y - m - a e) / s`:
    :math:`f^2 = \overline{z^2}`, and a is the regression through 0 of :math:`(y - m) / s` on
    :math:`e / s`. Of an ensemble of M members :math:`f^2` is divided by
    :math:`(1 + 1/M)(M - 1)/(M - 3)`, what :math:`\overline{z^2}` is for perfect members of normal
    laws. The CRPS is convex in (a, f): of an ensemble it is taken with the weight :math:`1/M^2` of
    pairs, whose least value lies at f = 1 for perfect members of a normal law; of quantiles it is
    the mean pinball loss, of intervals the interval score.

    Parameters
    ----------
    shift
        ``"none"``, ``"constant"`` (in the unit of the truth) or ``"spread"`` (in stated spreads).
    loss
        ``"crps"`` (of quantiles the pinball loss, of intervals the interval score) or
        ``"log_score"`` of the normal law with this middle and spread; rows that state no spread
        do not count there.
    largest
        Bound on the factor and on one over it; a fit that ends on it has not converged.

    Examples
    --------
    >>> from trueup.worlds import forecasts
    >>> world = forecasts("normal", spread=0.5)          # says half the true spread
    >>> round(SpreadScaling().fit(world.evidence).map.parameters["factor"], 1)
    2.0
    """

    shift: str = "none"
    loss: str = "crps"
    largest: float = 1e3
    kinds: ClassVar[tuple[str, ...]] = ("normal", "quantiles", "ensemble", "intervals")

    def __post_init__(self) -> None:
        for name, value, known in (("shift", self.shift, SHIFTS), ("loss", self.loss, LOSSES)):
            if value not in known:
                raise FitError(
                    "SpreadScaling", f"{name} is '{value}'", do=f"Use one of {', '.join(known)}"
                )

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        form, columns = form_of(evidence.prediction), columns_of(evidence.prediction)
        middle = middle_weights(form, who="SpreadScaling")
        apart = columns - (columns @ middle)[:, None]
        residual = evidence.truth - columns @ middle
        sd = sd_of(evidence.prediction)
        unit = {"none": 0.0 * sd, "constant": np.ones(len(sd)), "spread": sd}[self.shift]
        if self.loss == "log_score":
            shift, factor = _moments(evidence.prediction, residual, sd, unit, weight)
        elif form.kind == "normal":
            shift, factor = self._normal(residual, sd, unit, weight)
        else:
            shift, factor = self._pinball(form, residual, apart, unit, weight)
        low, high = 1 / self.largest, self.largest
        inside = bool(np.isfinite(factor) and low < factor < high)
        factor = float(np.clip(np.nan_to_num(factor, nan=1.0), low, high))
        return self._map(form, middle, float(shift), factor), inside

    def _normal(self, residual, sd, unit, weight) -> tuple[float, float]:
        """Shift and factor of least CRPS."""
        shift, factor = _scaled_moments(residual, sd, unit, weight)
        start = np.array([shift, np.log(np.clip(factor, 1e-3 / self.largest, 1e3 * self.largest))])
        loss = crps_of(residual, sd, unit, weight / weight.sum())
        tolerance = 1e-14 * float(weight @ sd) / weight.sum()
        if self.shift == "none":
            return 0.0, float(np.exp(least(_last(loss), start[1:], tolerance=tolerance)[0][0]))
        (shift, factor), _ = least(loss, start, tolerance=tolerance)
        return float(shift), float(np.exp(factor))

    def _pinball(self, form: Form, residual, apart, unit, weight) -> tuple[float, float]:
        levels = column_levels(form)
        if form.kind == "ensemble":
            apart = np.sort(apart, axis=1)
        if self.shift == "none":
            return 0.0, best_factor(residual, apart, levels, weight)
        return best_pair(residual, apart, levels, weight, unit)

    def _map(self, form: Form, middle, shift: float, factor: float) -> AbstractMap:
        constant, lean = (shift, 0.0) if self.shift == "constant" else (0.0, shift)
        words = {"none": (), "constant": ("shift",), "spread": ("shift in spreads",)}[self.shift]
        named = (("factor", *words), (factor, shift)[: 1 + len(words)])
        if form.kind == "normal":
            return Affine(np.array([[1.0, lean], [0.0, factor]]), np.array([constant, 0.0]), *named)
        common = (1.0 - factor) * middle
        if form.kind == "ensemble":
            return Stretched(factor, common, constant, lean, *named)
        return Stretched(factor, common + lean * spread_weights(form), constant, 0.0, *named)


def _moments(prediction, residual, sd, unit, weight) -> tuple[float, float]:
    """Shift and factor by the log score of the normal law."""
    shift, factor = _scaled_moments(residual, sd, unit, weight)
    if not isinstance(prediction, Ensemble):
        return shift, factor
    members = prediction.members.shape[1]
    if members < 4:
        raise FitError(
            "SpreadScaling.fit",
            f"{members} members do not tell a variance well enough for the log score",
            do='Pass loss="crps", or 4 members at least',
        )
    return shift, factor / float(np.sqrt((1 + 1 / members) * (members - 1) / (members - 3)))


def _scaled_moments(residual, sd, unit, weight) -> tuple[float, float]:
    known = (sd > 0) & (weight > 0)
    w, s = weight[known], sd[known]
    if not len(w):
        return 0.0, np.nan
    z, e = residual[known] / s, unit[known] / s
    shift = float((w * z) @ e / ((w * e) @ e)) if e.any() else 0.0
    return shift, float(np.sqrt(w @ (z - shift * e) ** 2 / w.sum()))


def crps_of(residual, sd, unit, weight):
    """Mean CRPS of normal laws at (shift, log factor), with its derivatives."""

    def function(x: np.ndarray):
        if abs(x[1]) > 40:
            return np.inf, np.zeros(2), np.eye(2)
        a, f = x[0], float(np.exp(x[1]))
        u = (residual - a * unit) / (f * sd)
        density = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
        side = 2 * ndtr(u) - 1
        value = weight @ (f * sd * (u * side + 2 * density - 1 / ROOT_PI))
        slope = np.array(
            [-(weight * unit) @ side, f * (weight @ (sd * (2 * density - 1 / ROOT_PI)))]
        )
        bend, cross = 2 * weight * density, 2 * (weight * density) @ (unit * u)
        last = f * (bend @ (sd * u**2)) + slope[1]
        return float(value), slope, np.array([[bend @ (unit**2 / sd) / f, cross], [cross, last]])

    return function


def _last(function):
    """A function of the second number alone; the first is 0."""

    def alone(x: np.ndarray):
        value, slope, bend = function(np.array([0.0, x[0]]))
        return value, slope[1:], bend[1:, 1:]

    return alone
