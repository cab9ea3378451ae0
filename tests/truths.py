"""True values of measures on laws that are known, each by quadrature of its own."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import expit

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
