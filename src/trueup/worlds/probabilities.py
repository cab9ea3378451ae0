"""Forecasters whose true calibration curve, temperature and scores are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from trueup.core.evidence import Evidence
from trueup.core.probabilities import Probabilities


@dataclass(frozen=True, eq=False)
class World:
    """Evidence and what is true about it.

    Attributes
    ----------
    evidence
        What a user would see.
    curve
        Stated probability of the event (n,) -> true probability (n,); None for several classes.
    truth
        Name of a quantity -> its true value in the population.
    """

    evidence: Evidence
    curve: Callable[[np.ndarray], np.ndarray] | None
    truth: dict[str, Any]


def confident_by_factor(
    factor: float, *, rows: int, classes: int = 2, shift: float = 0.0, seed: int = 0
) -> World:
    """A model that says ``softmax(factor z + shift)`` where ``softmax(z)`` is true.

    With two classes it is a table of event probabilities: ``z ~ N(0, 1.5^2)`` is the log-odds, and
    the stated log-odds are ``factor z + shift``. With more, logits are normal with sd 1.5. Above 1
    the model is over-confident; its true temperature is ``factor``.

    Examples
    --------
    >>> world = confident_by_factor(2.0, rows=1_000)
    >>> round(float(world.curve(np.array([0.9]))[0]), 3)
    0.75
    """
    rng = np.random.default_rng(seed)
    if classes == 2:
        z = rng.normal(0, 1.5, rows)
        y = (rng.random(rows) < _sigmoid(z)).astype(np.int64)
        return _binary_world(z, y, factor, shift)
    z = rng.normal(0, 1.5, (rows, classes))
    gumbel = -np.log(-np.log(rng.random((rows, classes))))
    prediction = Probabilities.from_logits(factor * z)
    evidence = Evidence(prediction, (z + gumbel).argmax(axis=1))
    return World(evidence, None, {"temperature": factor})


def calibrated(rows: int, *, seed: int = 0) -> World:
    """A perfectly calibrated forecaster of an event."""
    return confident_by_factor(1.0, rows=rows, seed=seed)


def confused_classes(rows: int, *, seed: int = 0) -> World:
    """A model of three classes that takes the first two for each other.

    It says ``softmax(s)`` with normal logits s of sd 1.5, where ``softmax(A s + b)`` is true. The
    rows of A sum to one, so that the same holds for log-probabilities in place of s. Of A and b the
    part that all classes share cannot be seen: ``truth`` holds ``matrix`` and ``shift`` without it.

    Examples
    --------
    >>> confused_classes(100).truth["matrix"].sum(axis=0).round(6) + 0.0
    array([0., 0., 0.])
    """
    rng = np.random.default_rng(seed)
    matrix = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [-0.1, 0.1, 1.0]])
    shift = np.array([0.3, -0.2, -0.1])
    said = rng.normal(0, 1.5, (rows, 3))
    gumbel = -np.log(-np.log(rng.random((rows, 3))))
    evidence = Evidence(
        Probabilities.from_logits(said), (said @ matrix.T + shift + gumbel).argmax(axis=1)
    )
    return World(evidence, None, {"matrix": matrix - matrix.mean(axis=0), "shift": shift})


def clustered(
    rows: int, *, icc: float = 0.3, mean_size: int = 10, factor: float = 2.0, seed: int = 0
) -> World:
    """Rows in clusters that share their luck, and their difficulty.

    Outcomes of one cluster are drawn through a normal copula with correlation ``icc``, so that
    every row is still right with its own probability; sizes are geometric.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.geometric(1 / mean_size, rows)
    cluster = np.repeat(np.arange(rows), sizes)[:rows]

    def shared() -> np.ndarray:
        common, own = rng.normal(size=rows)[cluster], rng.normal(size=rows)
        return np.sqrt(icc) * common + np.sqrt(1 - icc) * own

    return _dependent(shared(), shared(), factor, cluster=cluster)


def autocorrelated(rows: int, *, rho: float = 0.9, factor: float = 2.0, seed: int = 0) -> World:
    """A series whose difficulty and luck follow first-order autoregressions of memory ``rho``."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(seed)

    def series() -> np.ndarray:
        noise = rng.normal(size=rows) * np.sqrt(1 - rho**2)
        noise[0] = rng.normal()
        return lfilter([1.0], [1.0, -rho], noise)

    return _dependent(series(), series(), factor, time=np.arange(rows))


def _dependent(difficulty, luck, factor, *, cluster=None, time=None) -> World:
    """Outcomes driven by standard normal ``luck``: marginally y = 1 with its true probability."""
    from scipy.special import ndtr

    z = 1.5 * difficulty
    y = (ndtr(luck) < _sigmoid(z)).astype(np.int64)
    return _binary_world(z, y, factor, 0.0, cluster=cluster, time=time)


def _binary_world(z, y, factor: float, shift: float, **roles) -> World:
    stated = factor * z + shift
    prediction = Probabilities(_sigmoid(stated))
    truth = {"temperature": factor, **population(factor, shift)}
    return World(
        Evidence(prediction, y, **roles),
        lambda p: _sigmoid((np.log(p) - np.log1p(-p) - shift) / factor),
        truth,
    )


@cache
def population(factor: float, shift: float = 0.0, *, bins: int = 15) -> dict[str, float]:
    """True scores of stated log-odds ``factor z + shift``, by quadrature over z ~ N(0, 1.5^2)."""
    z = np.linspace(-9, 9, 200_001)
    mass = np.exp(-((z / 1.5) ** 2) / 2)
    mass /= mass.sum()
    stated = factor * z + shift
    p, q = _sigmoid(stated), _sigmoid(z)
    pos, neg = mass * q, mass * (1 - q)
    below = np.cumsum(neg) - neg / 2
    # Equal-mass bins of the population, in which the debiased error is defined.
    part = np.minimum((np.cumsum(mass) - mass / 2) * bins, bins - 1).astype(int)
    gap = np.bincount(part, mass * (q - p)) / np.bincount(part, mass)
    right = np.where(p > 0.5, q, 1 - q)
    walk = np.cumsum(mass * (q - p))
    return {
        "ks_error": float(np.abs(walk).max()),
        "kuiper_error": float(max(walk.max(), 0.0) - min(walk.min(), 0.0)),
        "elementary_score": float((mass * (1 - right)).sum() / 2),
        "accuracy": float((mass * right).sum()),
        "log_loss": float((pos * np.logaddexp(0, -stated) + neg * np.logaddexp(0, stated)).sum()),
        "brier": float((pos * (1 - p) ** 2 + neg * p**2).sum()),
        "auc": float((pos * below).sum() / (pos.sum() * neg.sum())),
        "calibration_error_debiased": float(np.sqrt((np.bincount(part, mass) * gap**2).sum())),
        "confidence_gap": float((mass * (np.maximum(p, 1 - p) - right)).sum()),
        "calibration_slope": 1 / factor,
    }


def _sigmoid(x):
    return np.exp(-np.logaddexp(0, -np.asarray(x, dtype=np.float64)))
