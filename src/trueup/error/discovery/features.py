"""Random Fourier features: ridge regression on waves, in closed form for all states at once."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve


DRAWS = 8_192
MOST = 1_500
"""Most distinct waves, a sine and a cosine each."""
SCALES = (0.1, 0.15, 0.22, 0.32, 0.45)
"""Scales that are tried, as shares of the fastest wave that the sensors can tell."""
RIDGES = (1e-8, 1e-6, 1e-4)
"""Noise that is tried, as shares of the variance of a state."""


def fourier_features(values, places, points, periods, seed: int) -> np.ndarray:
    r"""Values (states, points) from ``values`` (states, sensors) of variance 1.

    With :math:`\Phi` the features of the sensors, weighed so that :math:`\Phi \Phi'` is the kernel,
    coefficients are :math:`(\Phi' \Phi + \lambda I)^{-1} \Phi' y`.
    """
    rng = np.random.default_rng(seed)
    held = rng.permutation(len(places)) < len(places) // 10
    fastest = np.pi * (len(places) / _volume(places, points, periods)) ** (1 / places.shape[1])
    most = min(MOST, len(places) // 2)
    draws = rng.normal(size=(DRAWS, places.shape[1]))
    tries = [_waves(draws * share * fastest, periods, most) for share in SCALES]
    best = np.inf, tries[0], RIDGES[0]
    for waves in tries:
        seen, unseen = (_features(places[which], *waves) for which in (~held, held))
        for ridge, found in _ridges(seen, values[:, ~held], RIDGES):
            missed = float(np.mean((unseen @ found - values[:, held].T) ** 2))
            best = min(best, (missed, waves, ridge), key=lambda one: one[0])
    _, waves, ridge = best
    ((_, found),) = _ridges(_features(places, *waves), values, (ridge,))
    return np.concatenate([(_features(some, *waves) @ found).T
                           for some in np.array_split(points, len(points) // 4_000 + 1)], axis=1)  # fmt: skip


def _volume(places, points, periods) -> float:
    """Length, area or volume that the sensors watch."""
    both = np.concatenate([places, points])
    sides = [period or np.ptp(both[:, dim]) for dim, period in enumerate(periods)]
    return float(np.prod(sides))


def _waves(waves: np.ndarray, periods, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct wave vectors (waves, dims) that fit the periods, and the weight of each.

    Waves that fall on the same multiples of a period's wave number add up their weights.
    """
    for dim, period in enumerate(periods):
        if period:
            step = 2 * np.pi / period
            waves[:, dim] = np.round(waves[:, dim] / step) * step
    first = np.argmax(waves != 0, axis=1)
    sign = np.sign(waves[np.arange(len(waves)), first])
    waves = waves * np.where(sign == 0, 1.0, sign)[:, None]
    distinct, counts = np.unique(np.round(waves, 12), axis=0, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:most]
    return distinct[kept], np.sqrt(counts[kept] / counts[kept].sum())


def _features(places: np.ndarray, waves: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(places, 2 waves) cosines and sines."""
    phase = places @ waves.T
    return np.concatenate([np.cos(phase) * weights, np.sin(phase) * weights], axis=1)


def _ridges(features: np.ndarray, values: np.ndarray, ridges):
    """Coefficients (features, states) for every ridge."""
    gram, right = features.T @ features, features.T @ values.T
    for ridge in ridges:
        held = gram.copy()
        held.flat[:: len(gram) + 1] += ridge + 1e-13 * len(features)
        yield ridge, cho_solve(cho_factor(held, overwrite_a=True), right)
