"""Forecasts of numbers whose truth is known: how wide they are, and how far off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from trueup.core.errors import UsageError
from trueup.core.evidence import Evidence
from trueup.core.predictions import (
    Ensemble,
    Intervals,
    Normal,
    Points,
    Prediction,
    Quantiles,
)


LEVELS = (0.01, 0.025, *np.round(np.arange(0.05, 0.96, 0.05), 2).tolist(), 0.975, 0.99)
"""The 23 levels that hubs of forecasts ask for."""


@dataclass(frozen=True, eq=False)
class ForecastWorld:
    """Forecasts of numbers, and the law that the truth was drawn from.

    Attributes
    ----------
    evidence
        What was forecast and what happened.
    mean, sd
        (n,) mean and standard deviation of the normal law of every truth.
    spread
        Stated standard deviation over the true one: below 1 forecasts are too narrow.
    bias
        Stated mean minus the true one, in units of the true standard deviation.
    """

    evidence: Evidence
    mean: np.ndarray
    sd: np.ndarray
    spread: float
    bias: float


def forecasts(
    kind: str = "normal",
    *,
    spread: float = 1.0,
    bias: float = 0.0,
    rows: int = 10_000,
    members: int = 20,
    seed: int = 0,
) -> ForecastWorld:
    """Forecasts of kind ``kind`` of truths drawn from normal laws of differing mean and spread.

    Parameters
    ----------
    kind
        ``"normal"``, ``"quantiles"`` (at 23 levels), ``"ensemble"``, ``"intervals"`` (at .9) or
        ``"points"``.
    spread, bias
        What is wrong with them; 1 and 0 are perfect.
    rows, members
        Number of rows, and of members of an ensemble.

    Examples
    --------
    >>> world = forecasts("ensemble", spread=0.5, rows=100)
    >>> world.evidence.prediction.members.shape
    (100, 20)
    """
    rng = np.random.default_rng(seed)
    mean = rng.normal(scale=3.0, size=rows)
    sd = np.exp(0.4 * rng.normal(size=rows))
    truth = mean + sd * rng.normal(size=rows)
    stated, wide = mean + bias * sd, spread * sd
    noise = rng.normal(size=(rows, members)) if kind == "ensemble" else np.zeros((rows, 0))
    made = _stated(kind, stated, wide, noise)
    return ForecastWorld(Evidence(made, truth), mean, sd, spread, bias)


def _stated(kind: str, mean: np.ndarray, sd: np.ndarray, noise: np.ndarray) -> Prediction:
    z = float(ndtri(0.95))
    makers = {
        "normal": lambda: Normal(mean, sd),
        "points": lambda: Points(mean),
        "intervals": lambda: Intervals(mean - z * sd, mean + z * sd, 0.9),
        "quantiles": lambda: Quantiles(
            np.array(LEVELS), mean[:, None] + sd[:, None] * ndtri(LEVELS)
        ),
        "ensemble": lambda: Ensemble(mean[:, None] + sd[:, None] * noise),
    }
    if kind not in makers:
        raise UsageError("forecasts", f"kind is '{kind}'", do=f"Use one of {', '.join(makers)}")
    return makers[kind]()
