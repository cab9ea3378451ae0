"""The least error that any unbiased estimate of terms of Kuramoto-Sivashinsky can have."""

from __future__ import annotations

import numpy as np

from trueup.worlds.simulators import KuramotoSivashinsky


KICK = 1e-4
"""Size of the changes that derivatives are read from."""
FASTEST = 64
"""Waves around the line, beyond which states are empty."""
DRAWS = 200_000
STEPS = 5
"""Steps of the truth, of .001, from one state to the next."""


def information(samples: np.ndarray, terms: tuple[str, ...]) -> np.ndarray:
    r"""Fisher information (p, p) on the coefficients of ``terms`` under noise of variance 1.

    ``samples`` (n, times, points) are without noise; each sets out from an unknown state. With J
    the derivatives of its states by that state and D those by the coefficients, the information is
    the sum over samples of :math:`D'(1 - J J^+) D`.
    """
    basis = _waves(samples.shape[-1])
    return np.sum([_of_one(sample, basis, terms) for sample in samples], axis=0)


def mean_length(information: np.ndarray) -> float:
    """Mean length of normal errors whose covariance is the inverse, the bound of Cramer and Rao."""
    normal = np.random.default_rng(0).normal(size=(DRAWS, len(information)))
    spread = np.linalg.cholesky(np.linalg.inv(information))
    return float(np.linalg.norm(normal @ spread.T, axis=1).mean())


def _of_one(sample: np.ndarray, basis: np.ndarray, terms: tuple[str, ...]) -> np.ndarray:
    """Information (p, p) in one sample (times, points)."""

    def seen(system: KuramotoSivashinsky, starts: np.ndarray) -> np.ndarray:
        run = system.run(starts, 1e-3, steps=STEPS * (len(sample) - 1), every=STEPS)
        return np.einsum("tbn,kn->tkb", run, basis).reshape(-1, len(starts)) / (2 * KICK)

    ends = np.concatenate([sample[0] + KICK * basis, sample[0] - KICK * basis])
    by_start = seen(KuramotoSivashinsky(), ends)
    q = np.linalg.qr(by_start[:, : len(basis)] - by_start[:, len(basis) :])[0]
    pairs = [seen(_truth(t, KICK), sample[:1]) - seen(_truth(t, -KICK), sample[:1]) for t in terms]
    by_term = np.concatenate(pairs, axis=1)
    left = by_term - q @ (q.T @ by_term)
    return left.T @ left


def _truth(term: str, by: float) -> KuramotoSivashinsky:
    """The truth with one coefficient changed."""
    field = term.replace("u u_x", "u_ux")
    if field in ("u_ux", "u_xx", "u_xxxx"):
        return KuramotoSivashinsky(**{field: 1 + by})
    return KuramotoSivashinsky(extra={term: by})


def _waves(points: int) -> np.ndarray:
    """Orthonormal waves (waves, points) of a periodic line, the mean first."""
    highest = min(FASTEST, points // 2 - 1)
    phase = 2 * np.pi * np.arange(1, highest + 1)[:, None] * np.arange(points) / points
    pairs = np.concatenate([np.cos(phase), np.sin(phase)]) * np.sqrt(2 / points)
    return np.concatenate([np.full((1, points), points**-0.5), pairs])
