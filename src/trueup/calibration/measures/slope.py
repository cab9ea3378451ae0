r"""Calibration slope and intercept: what a unit of stated log-odds is worth.

Logistic regression of the outcome on the log-odds of the score, ``logit P(y) = a + b logit p``. A
slope below 1 means scores too extreme (over-confident), above 1 too timid. The intercept is fitted
with the slope held at 1: negative means that events are over-predicted. Newton on the cells; the
jackknife refits without each group.

Examples
--------
>>> from trueup.worlds import confident_by_factor
>>> e = confident_by_factor(2.0, rows=20_000, seed=0).evidence
>>> round(calibration_slope(e.truth, e.prediction).value, 1)
0.5
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure
from trueup.core.row_sums import clipped_logit


CARD = Card(
    name="calibration_slope",
    question="calibration",
    family="measures",
    summary="what a unit of stated log-odds is worth: below 1 means over-confident",
    paper="Cox 1958, Biometrika 45(3/4)",
    claims=("covers its truth",),
    exports=("calibration_intercept", "calibration_slope"),
    cost="milliseconds from the cube",
    not_for="curves that bend: a slope of 1 does not prove calibration",
)


class AbstractLogistic(AbstractMeasure):
    """A coefficient of the logistic regression of outcomes on log-odds."""

    better = "neither"
    reach: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    slope: ClassVar[bool]

    def parts(self, cube: Cube) -> np.ndarray:
        return np.stack([cube.table["w"], cube.table["y"], cube.table["p"]], axis=1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        w, y, p = np.moveaxis(sums[..., sums[:, 0].any(axis=0)], 1, 0)
        x = clipped_logit(p / np.where(w > 0, w, 1.0))
        seen = w > 1e-12 * w.sum(axis=1, keepdims=True)
        return fit_logistic(np.where(seen, x, 0.0), w, y, slope=self.slope)


@dataclass(frozen=True)
class CalibrationSlope(AbstractLogistic):
    """Slope of the outcome's log-odds against the stated log-odds; 1 is right."""

    name = "calibration_slope"
    label = "Calibration slope"
    slope = True


@dataclass(frozen=True)
class CalibrationIntercept(AbstractLogistic):
    """Shift of the outcome's log-odds against the stated log-odds; 0 is right."""

    name = "calibration_intercept"
    label = "Calibration intercept"
    slope = False


def fit_logistic(x: np.ndarray, w: np.ndarray, y: np.ndarray, *, slope: bool) -> np.ndarray:
    """(r,) slope of every row's regression, or its intercept with the slope held at 1.

    Newton on all rows at once, from the solution of their sum; NaN where it does not converge, as
    when outcomes are separated.
    """
    with np.errstate(all="ignore"):
        pooled = w.sum(axis=0, keepdims=True)
        centre = (w * x).sum(axis=0, keepdims=True) / np.where(pooled > 0, pooled, 1.0)
        flat = np.zeros((1, 1)), np.ones((1, 1))
        a, b, size = _newton(centre, pooled, y.sum(axis=0, keepdims=True), *flat, slope=slope)
        start = (a, b) if np.isfinite(size).all() else flat
        a, b, size = _newton(x, w, y, *start, slope=slope)
    answer = np.where((size < 1e-6) & (np.abs(b) < 100), b if slope else a, np.nan)
    return answer[:, 0]


def _newton(x, w, y, a, b, *, slope: bool):
    """Intercepts and slopes (r, 1) of least loss, and the size of their last step."""
    for _ in range(50):
        q = 1 / (1 + np.exp(-(a + b * x)))
        residual, v = y - w * q, w * q * (1 - q)
        s0, s1, s2 = (_sum(v * x**power) for power in (0, 1, 2))
        g0, g1 = _sum(residual), _sum(residual * x)
        if slope:
            det = s0 * s2 - s1**2
            da, db = (s2 * g0 - s1 * g1) / det, (s0 * g1 - s1 * g0) / det
        else:
            da, db = g0 / s0, np.zeros_like(g0)
        share = _shorten(x, w, y, a, b, da, db)
        a, b = a + share * da, b + share * db
        size = np.maximum(np.abs(da), np.abs(db))
        if np.nanmax(size, initial=0.0) < 1e-10:
            break
    return a, b, size


def _shorten(x, w, y, a, b, da, db) -> np.ndarray:
    """(r, 1) share of each step that does not raise the loss: whole ones can swing for ever."""
    share, now = np.ones_like(da), _loss(x, w, y, a, b)
    for _ in range(20):
        worse = _loss(x, w, y, a + share * da, b + share * db) > now + 1e-12 * np.abs(now)
        if not worse.any():
            break
        share = np.where(worse, share / 2, share)
    return share


def _loss(x, w, y, a, b) -> np.ndarray:
    eta = a + b * x
    return _sum(w * np.logaddexp(0.0, eta) - y * eta)


def _sum(values: np.ndarray) -> np.ndarray:
    return values.sum(axis=1, keepdims=True)


calibration_slope = CalibrationSlope()
calibration_intercept = CalibrationIntercept()
