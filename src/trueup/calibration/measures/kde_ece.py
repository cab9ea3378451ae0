r"""KDE calibration error: confidence against a smooth curve of accuracy, over a smooth density.

.. math:: \int_0^1 | t f(t) - g(t) | dt, \qquad
          f(t) = \frac1w \sum_i w_i K_h(t - p_i), \quad g(t) = \frac1w \sum_i w_i y_i K_h(t - p_i)

so ``g / f`` is the kernel estimate of the calibration curve. K is the triweight kernel, reflected
at 0 and 1; ``h = s (2 n)^{-1/5}`` is its standard deviation, with s that of the scores of events:
the released code of the authors, whose article has ``1.06 s n^{-1/5}``. With weights n is the
effective number of rows. Smooth in the scores, but still biased upwards near calibration; and where
scores crowd at 1 within h the residual ``t - p`` of the smoothing itself shows as error.

Examples
--------
>>> from trueup.worlds import confident_by_factor
>>> e = confident_by_factor(2.0, rows=20_000).evidence
>>> round(kde_ece(e.truth, e.prediction).value, 2)
0.1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.measures import smoothing
from trueup.core.cards import Card
from trueup.core.cube import Cube
from trueup.core.measure import AbstractMeasure


CARD = Card(
    name="kde_ece",
    question="calibration",
    family="measures",
    summary="calibration error over a kernel density of the scores instead of bins",
    paper="Zhang, Kailkhura, Han 2020, arXiv:2003.07329, section 4.3 (KDE-based ECE)",
    axes={"kernel": "reflected triweight", "bandwidth": "rule of thumb"},
    mission=(8,),
    cost="O(n) once for the cube, then tens of milliseconds",
    not_for="near calibration, where it measures its own noise: read calibration_error",
    excused={"weights equal repeats": "a repeated row brings no news, so the kernel is wider"},
)


@dataclass(frozen=True)
class KDECalibrationError(AbstractMeasure):
    """Gap between confidence and its kernel-smoothed accuracy, integrated over the scores."""

    name = "kde_ece"
    label = "KDE calibration error"
    reach = (0.0, 1.0)
    score_only = True
    grid = smoothing.FINE

    def parts(self, cube: Cube) -> np.ndarray:
        masses = smoothing.on_lattice(cube, cube.table["w"], cube.table["y"])
        size = np.zeros((*masses.shape[:2], 1))  # the sums of weights and of their squares
        size[..., 0] = cube.table.total("w", "w2")
        return np.concatenate([masses, size], axis=-1)

    def value(self, sums: np.ndarray) -> np.ndarray:
        masses, (w, w2) = sums[..., :-1], np.moveaxis(sums[..., -1], 1, 0)
        if not (w > 0).all():
            return np.full(len(w), np.nan)
        wide = bandwidth(masses[:, 1], w**2 / w2)
        falling = triweight(smoothing.FREQUENCY * 3 * wide[:, None])
        f, g = (smoothing.density(smoothing.cosines(masses[:, j]) * falling) for j in (0, 1))
        return smoothing.integral(np.abs(NODES * f - g)) / smoothing.integral(f)


NODES = np.arange(smoothing.STEPS + 1) / smoothing.STEPS


def bandwidth(events: np.ndarray, n: np.ndarray) -> np.ndarray:
    """(r,) ``s (2 n)^(-1/5)``, s the standard deviation of the scores of events, n (r,) rows."""
    total = np.maximum(events.sum(axis=1), 1e-300)
    mean = (events @ NODES) / total
    spread = (events @ NODES**2) / total - mean**2
    return np.sqrt(np.maximum(spread, 1e-6)) * (2 * n) ** -0.2


def triweight(s: np.ndarray) -> np.ndarray:
    """Characteristic function of ``35/32 (1 - u^2)^3`` on [-1, 1]: ``105 j_3(s) / s^3``."""
    from scipy.special import spherical_jn

    near = s < 0.1  # the quotient cancels there; the kernel has variance 1/9
    far = np.where(near, 1.0, s)
    return np.where(near, 1 - s**2 / 18, 105 * spherical_jn(3, far) / far**3)


kde_ece = KDECalibrationError()
