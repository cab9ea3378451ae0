"""True values of measures on laws that are known, each by quadrature of its own."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import digamma, expit, ndtr, ndtri
from scipy.stats import beta, norm

from trueup.worlds.forecasts import LEVELS
from trueup.worlds.probabilities import population


@cache
def truth(name: str, factor: float, shift: float) -> float:
    """True value of the measure where the world says ``factor z + shift``, z ~ N(0, 1.5^2)."""
    known = population(factor, shift)
    if name in known:
        return known[name]
    z = np.linspace(-9, 9, 200_001)
    mass = np.exp(-((z / 1.5) ** 2) / 2)
    mass /= mass.sum()
    p = expit(factor * z + shift)
    return smooth_errors(p, mass * (expit(z) - p))[name]


def smooth_errors(p: np.ndarray, residual: np.ndarray, *, points: int = 1_500) -> dict[str, float]:
    """Population smECE and MMCE of a ``residual`` mass (m,) at scores ``p`` (m,).

    On a lattice of its own, by matrices of kernels instead of transforms.
    """
    edges = np.linspace(0, 1, points + 1)
    x = (edges[1:] + edges[:-1]) / 2
    mass = np.histogram(p, edges, weights=residual)[0]
    apart = np.abs(x[:, None] - x)
    kernel = np.exp(-apart / 0.4)
    low, high = 1e-3, 1.0
    for _ in range(20):
        sigma = (low + high) / 2
        near = np.exp(-((apart / sigma) ** 2) / 2)
        for image in (x[:, None] + x, 2 - x[:, None] - x):
            near += np.exp(-((image / sigma) ** 2) / 2)
        value = np.abs(near @ mass).sum() / points / sigma / np.sqrt(2 * np.pi)
        low, high = (sigma, high) if value > sigma else (low, sigma)
    return {"smooth_ece": float(high), "mmce": float(np.sqrt(mass @ kernel @ mass))}


SD, SD2 = np.exp(0.4**2 / 2), np.exp(2 * 0.4**2)
"""Mean of the standard deviation of a row of the worlds of forecasts, and of its square."""


@cache
def truth_of_forecasts(name: str, kind: str, spread: float, bias: float, members: int) -> float:
    """True value of a measure where ``forecasts`` says N(b, k^2) of a standard normal truth."""
    b, k, m = bias, spread, members
    law = kind if kind == "ensemble" else "law"
    if name in ("crps", "twcrps", "wis", "pinball"):
        return SD * _crps(kind, b, k, m) * (0.5 if name == "pinball" else 1.0)
    if name.startswith(("interval_score", "coverage", "width")):
        return _of_ends(name, law, b, k, m)
    noise = k**2 / m if law == "ensemble" else 0.0
    error = 1 + b**2 + noise  # mean square of truth minus the stated mean
    if name == "bias":
        return SD * b
    if name == "mae":
        middle = _ranks((m + 1) / 2, m, b, k) if law == "ensemble" else (np.array([b]), [1.0])
        return float(SD * (2 * _above(middle[0]) + middle[0]) @ np.asarray(middle[1]))
    if name == "spread_skill":
        return float(np.sqrt(error / (k**2 + noise)))
    variance = k**2 * (m - 3) / (m - 1) if law == "ensemble" else k**2  # 1 / E[1 / s^2]
    if name == "rms_z":
        return float(np.sqrt(error / variance))
    log_sd = np.log(k)
    if law == "ensemble":
        log_sd += (digamma((m - 1) / 2) - np.log((m - 1) / 2)) / 2
    return {"log_score": float(log_sd + error / variance / 2 + np.log(2 * np.pi) / 2)}[name]


def _crps(kind: str, b: float, k: float, m: int) -> float:
    if kind == "quantiles":
        q = b + k * ndtri(LEVELS)
        return float(np.mean(2 * (norm.pdf(q) + q * (ndtr(q) - LEVELS))))
    wide = np.hypot(1, k)
    near = 2 * wide * norm.pdf(b / wide) + b * (2 * ndtr(b / wide) - 1)
    return float(near - (1 - (kind == "ensemble") / m) * k / np.sqrt(np.pi))


def _of_ends(name: str, law: str, b: float, k: float, m: int) -> float:
    """Of the ends of the central interval, in units of the truth's sd; of members by their law."""
    level = float(name.rsplit("_", 1)[-1]) / 100 if name[-1].isdigit() else 0.9
    tail = (1 - level) / 2
    if law == "ensemble":
        (low, mass), (high, _) = (_ranks((m + 1) * p, m, b, k) for p in (tail, 1 - tail))
    else:
        low, high, mass = b + k * ndtri(np.array([tail])), b + k * ndtri(np.array([1 - tail])), [1]
    above = _above(high) @ np.asarray(mass)
    below = _above(-low) @ np.asarray(mass)
    width = (high - low) @ np.asarray(mass)
    if name.startswith("width"):
        return float(SD * width)
    if name.startswith("interval_score"):
        return float(SD * (width + (above + below) / tail))
    return float((ndtr(high) - ndtr(low)) @ np.asarray(mass))


def _ranks(place: float, m: int, b: float, k: float) -> tuple[np.ndarray, np.ndarray]:
    """Values and masses of the ``place``-th of m members, which must be a whole number."""
    assert abs(place - round(place)) < 1e-9
    share = (np.arange(20_000) + 0.5) / 20_000
    return b + k * ndtri(beta.ppf(share, round(place), m + 1 - round(place))), np.full(20_000, 5e-5)


def _above(x: np.ndarray) -> np.ndarray:
    """Mean of how far a standard normal truth exceeds ``x``."""
    return norm.pdf(x) - x * (1 - ndtr(x))
