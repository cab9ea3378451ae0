"""Scores smoothed by normal noise: what few draws say of them, and how far an attack moves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri


def moved(share, distance: float):
    r"""The most that a smoothed score in [0, 1] can become: ``Phi(Phi^-1(share) + distance)``.

    A score averaged over normal noise of spread ``sigma`` is, after :math:`\Phi^{-1}`, a function
    of the input whose slope is at most ``1 / sigma``. Hence ``distance = radius / sigma`` for
    inputs that are moved by at most ``radius`` in the Euclidean norm; a negative one gives the
    least.

    Examples
    --------
    >>> moved(np.array([0.0, 0.5, 1.0]), 1.0).round(4).tolist()
    [0.0, 0.8413, 1.0]
    """
    return ndtr(ndtri(share) + distance)


def no_margin(draws: np.ndarray, failure: float) -> np.ndarray:
    """No margin: the mean of the draws is taken for the smoothed score."""
    return np.zeros(draws.shape[:-1])


def hoeffding_margin(draws: np.ndarray, failure: float) -> np.ndarray:
    """``sqrt(-ln(failure) / (2 d))`` for d draws: the same everywhere."""
    return np.full(draws.shape[:-1], np.sqrt(-np.log(failure) / (2 * draws.shape[-1])))


def bernstein_margin(draws: np.ndarray, failure: float) -> np.ndarray:
    """``sqrt(2 v ln(2 / failure) / d) + 7 ln(2 / failure) / (3 (d - 1))`` with the variance v."""
    d, log = draws.shape[-1], np.log(2 / failure)
    variance = draws.var(axis=-1, ddof=1)
    return np.sqrt(2 * variance * log / d) + 7 * log / (3 * (d - 1))


MARGINS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "hoeffding": hoeffding_margin,
    "bernstein": bernstein_margin,
    "none": no_margin,
}
"""How far the mean of draws may lie from the smoothed score, but for a chance ``failure``."""
