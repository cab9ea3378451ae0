"""Random Fourier features: ridge regression on waves, in closed form for all states at once."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve


DRAWS = 131_072
MOST = 4_000
"""Most distinct waves, a sine and a cosine each."""
REACH = 1.4
"""Shortest wave that is drawn, as a share of what the sensors can tell."""
LAWS = ((6.0, 0.14), (6.0, 0.28), (np.inf, 0.15), (np.inf, 0.3))
"""Laws of waves that are tried: degrees of freedom, and the scale as a share of the fastest wave
that the sensors can tell."""
RIDGES = (1e-11, 1e-6, 1e-4, 1e-2, 1e-1)
"""Noise that is tried, as shares of the variance of a state."""


def fourier_features(groups, places, points, periods, seed: int) -> list[np.ndarray]:
    r"""Values (states, points) of every group of ``groups`` (states, sensors), of variance 1.

    Waves are drawn evenly from a ball and weighed by the square root of the density, Gaussian or
    :math:`(1 + |\omega|^2 / \sigma^2)^{-(6 + d) / 2}`, a t law: a Gaussian whose scale is drawn,
    too, which keeps the short waves of fields with steep spectra. Where all dimensions have a
    period, waves fall on a lattice, and each counts once. With :math:`\Phi` the features,
    coefficients are
    :math:`(\Phi' \Phi + \lambda I)^{-1} \Phi' y`. Every group has its own law and ridge.
    """
    rng = np.random.default_rng(seed)
    held = rng.permutation(len(places)) < len(places) // 10
    fastest = np.pi * (len(places) / _volume(places, points, periods)) ** (1 / places.shape[1])
    waves, counts = _waves(rng, REACH * fastest, periods)
    laws = [_weights(waves, counts, freedom, share * fastest) for freedom, share in LAWS]
    best = _best(groups, held, lambda which, law: _features(places[which], waves, laws[law]))
    parts = np.array_split(points, len(points) // 4_000 + 1)
    filled = []
    for values, (law, ridge) in zip(groups, best, strict=True):
        ((_, found),) = _ridges(_features(places, waves, laws[law]), values, (ridge,))
        filled.append(
            np.concatenate([(_features(some, waves, laws[law]) @ found).T for some in parts], 1)
        )
    return filled


def _best(groups, held: np.ndarray, features) -> list[tuple[int, float]]:
    """Law and ridge of every group that predict the ``held`` sensors best.

    By the mean over sensors of the root of their mean square over states: squares would let the few
    places choose where waves are shorter than the sensors can tell.
    """
    every, sizes = np.concatenate(groups), np.cumsum([len(values) for values in groups])[:-1]
    missed = {}
    for law in range(len(LAWS)):
        seen, unseen = features(~held, law), features(held, law)
        for ridge, found in _ridges(seen, every[:, ~held], RIDGES):
            off = (unseen @ found - every[:, held].T) ** 2
            missed[law, ridge] = [
                float(np.sqrt(part.mean(axis=1)).mean()) for part in np.split(off, sizes, axis=1)
            ]
    return [min(missed, key=lambda one: missed[one][group]) for group in range(len(groups))]


def _volume(places, points, periods) -> float:
    """Length, area or volume that the sensors watch."""
    both = np.concatenate([places, points])
    sides = [period or np.ptp(both[:, dim]) for dim, period in enumerate(periods)]
    return float(np.prod(sides))


def _waves(rng, fastest: float, periods) -> tuple[np.ndarray, np.ndarray]:
    """Distinct wave vectors (waves, dims) that fit the periods, and how often each was drawn."""
    waves = rng.normal(size=(DRAWS if any(periods) else MOST, len(periods)))
    radius = rng.uniform(size=len(waves)) ** (1 / len(periods))
    waves *= (fastest * radius / np.linalg.norm(waves, axis=1))[:, None]
    for dim, period in enumerate(periods):
        if period:
            step = 2 * np.pi / period
            waves[:, dim] = np.round(waves[:, dim] / step) * step
    first = np.argmax(waves != 0, axis=1)
    sign = np.sign(waves[np.arange(len(waves)), first])
    waves = waves * np.where(sign == 0, 1.0, sign)[:, None]
    distinct, counts = np.unique(np.round(waves, 12), axis=0, return_counts=True)
    kept = rng.permutation(len(distinct))
    if all(periods):  # waves of a lattice are few: the long ones are all taken
        kept, counts = np.argsort(np.linalg.norm(distinct, axis=1)), np.ones(len(distinct))
    return distinct[kept[:MOST]], counts[kept[:MOST]]


def _weights(waves, counts, freedom: float, scale: float) -> np.ndarray:
    """Weights whose squares add up to 1, so that the kernel is 1 at distance 0."""
    square = (waves**2).sum(axis=1) / scale**2
    density = np.exp(-square / 2)
    if np.isfinite(freedom):
        density = (1 + square) ** (-(freedom + waves.shape[1]) / 2)
    return np.sqrt(density * counts / (density * counts).sum())


def _features(places: np.ndarray, waves: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(places, 2 waves) cosines and sines."""
    phase = places @ waves.T
    return np.concatenate([np.cos(phase) * weights, np.sin(phase) * weights], axis=1)


def _ridges(features: np.ndarray, values: np.ndarray, ridges):
    """Coefficients (features, states) for every ridge, by the smaller of the two equations."""
    dual = features.shape[1] > len(features)
    gram = features @ features.T if dual else features.T @ features
    right = values.T if dual else features.T @ values.T
    for ridge in ridges:
        held = gram.copy()
        held.flat[:: len(gram) + 1] += ridge + 1e-13 * len(features)
        found = cho_solve(cho_factor(held, lower=True, overwrite_a=True), right)
        yield ridge, features.T @ found if dual else found
