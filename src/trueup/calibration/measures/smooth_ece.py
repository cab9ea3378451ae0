r"""Smooth calibration error (smECE): the ECE of residuals smoothed by a kernel, without bins.

.. math:: \text{smECE}_\sigma = \int_0^1 \Big| \frac1w \sum_i w_i (y_i - p_i) K_\sigma(t, p_i)
          \Big| dt, \qquad \text{smECE} = \text{smECE}_{\sigma^*} = \sigma^*

with a Gaussian kernel reflected at 0 and 1. The bandwidth is the fixed point: the resolution equals
the error that it shows, so nothing is left to choose. It is continuous in the predictions, which
binned errors are not, and within a factor of two of the distance to the nearest calibrated
predictor. A bandwidth below 0.001 is held at 0.001. Like every plug-in error it measures its own
noise near calibration (about 0.02 on 2,000 rows).

Examples
--------
>>> from trueup.worlds import confident_by_factor
>>> e = confident_by_factor(2.0, rows=20_000).evidence
>>> round(smooth_ece(e.truth, e.prediction).value, 2)
0.1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.measures.smoothing import (
    FINE,
    FREQUENCY,
    STEPS,
    cosines,
    density,
    integral,
    on_lattice,
)
from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="smooth_ece",
    question="calibration",
    family="measures",
    summary="ECE of residuals smoothed by a kernel whose width chooses itself: no bins",
    paper="Blasiok & Nakkiran 2023, arXiv:2309.12236",
    axes={"kernel": "reflected Gaussian", "bandwidth": "fixed point"},
    mission=(8,),
    claims=("covers its truth",),
    cost="O(n) once for the cube, then tens of milliseconds",
    not_for="near calibration, where it measures its own noise: read calibration_error",
)

NARROWEST, WIDE = 1e-3, 0.008


@dataclass(frozen=True)
class SmoothECE(AbstractMeasure):
    """Calibration error of smoothed residuals at its own bandwidth."""

    name = "smooth_ece"
    label = "Smooth calibration error (smECE)"
    reach = (0.0, 1.0)
    score_only = True
    grid = FINE

    def parts(self, cube: Cube) -> np.ndarray:
        return on_lattice(cube, cube.table["y"] - cube.table["p"], cube.table["w"])

    def value(self, sums: np.ndarray) -> np.ndarray:
        weight = sums[:, 1].sum(axis=-1)
        weight = np.where(weight > 0, weight, np.nan)[:, None]
        return fixed_points(cosines(sums[:, 0] / weight))


def smoothed(coefficients: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """(r,) smECE at bandwidths ``sigma`` (r,) of residuals with ``coefficients`` (r, 1921)."""
    # Beyond the 480th the coefficients of a kernel this wide are below 1e-30.
    few = slice(None if sigma.min() < WIDE else STEPS // 4 + 1)
    falling = np.exp(-((FREQUENCY[few] * sigma[:, None]) ** 2) / 2)
    return integral(np.abs(density(coefficients[:, few] * falling)))


def fixed_points(coefficients: np.ndarray) -> np.ndarray:
    """(r,) values at the bandwidth that equals the value.

    The value never rises with the bandwidth, so the root is single: by bisection for the mean of
    the rows, then by steps of its slope for each, which differ little from it.
    """
    mean = coefficients.mean(axis=0, keepdims=True)
    if not np.isfinite(mean).all():
        return np.full(len(coefficients), np.nan)
    low, high = NARROWEST, 1.0
    for _ in range(24):
        middle = np.array([(low + high) / 2])
        low, high = (middle[0], high) if smoothed(mean, middle)[0] > middle[0] else (low, middle[0])
    pair = np.array([high, min(high * 1.02, 1.0)])
    ahead = smoothed(np.repeat(mean, 2, axis=0), pair)
    slope = min((ahead[1] - ahead[0]) / (pair[1] - pair[0]), 0.0) if pair[1] > pair[0] else 0.0
    sigma = np.full(len(coefficients), high)
    value = smoothed(coefficients, sigma)
    for _ in range(30):
        before, sigma = sigma, np.clip(sigma + (value - sigma) / (1 - slope), NARROWEST, 1.0)
        value = smoothed(coefficients, sigma)
        if np.abs(sigma - before).max() < 1e-7:
            break
    return value


smooth_ece = SmoothECE()
