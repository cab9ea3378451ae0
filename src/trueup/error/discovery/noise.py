"""How much noise the observed states carry, and waves that it drowns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.error.discovery.mesh import Mesh


DROWNED = 0.8
"""Estimated noise over spread from which on nothing else can be seen."""
ABOVE = 3.0
"""Power of a wave over that of the noise from which on the wave is kept."""
BESIDE = 7
"""Waves beside each other whose powers are averaged."""
CHANCE = 3.0
"""Standard errors of such an average by which waves stand out of the noise."""
ROUNDING = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-6}
"""Share of the states' size below which a wave is rounding, which a model may blow up."""


def noise_sd(
    states: np.ndarray, size: np.ndarray, *, noise: float | None, mesh: Mesh | None
) -> np.ndarray:
    """Standard deviation (components,) of the noise of ``states`` (n, m + 1, components, *mesh).

    ``noise`` is its share of ``size``, the standard deviation of every component; None estimates it
    from these states.
    """
    if noise is None:
        found = _floor(states, mesh)
        drowned = (found >= DROWNED * size) & (size > 0)
        if drowned.all():
            raise EvidenceError(
                "discover",
                f"noise is estimated at {found.max():.3g}, the spread of the states is "
                f"{size[found.argmax()]:.3g}",
                why="the observations are noise, or lie too far apart in time",
                do="Say what the noise is (noise=0.01 is one percent), or observe better",
            )
        return np.minimum(found, size)
    if DROWNED <= noise < 1:
        raise EvidenceError(
            "discover",
            f"noise is {noise} of the states' standard deviation, which leaves "
            f"{np.sqrt(1 - noise**2):.2g} of it to the signal",
            why="the noise is larger than what is to be seen through it",
            do="Observe better, or state the noise as a share of what was observed",
        )
    if not 0 <= noise < 1:
        raise EvidenceError(
            "discover",
            f"noise is {noise}",
            why="it is a share of the states' standard deviation; at 1 nothing else would be left",
            do="Pass 0.01 for one percent",
        )
    return noise * size


def spread(chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Standard deviation (components,) of states in ``chunks`` (n, m + 1, components, *mesh)."""
    n, mean, squares = 0, np.zeros(1), np.zeros(1)
    for states in chunks:
        axes = (0, 1, *range(3, states.ndim))
        count, here = states.size // states.shape[2], states.mean(axis=axes)
        share = count / (n + count)
        squares = squares + count * states.var(axis=axes) + n * share * (here - mean) ** 2
        n, mean = n + count, mean + share * (here - mean)
    return np.sqrt(squares / n)


def _floor(states: np.ndarray, mesh: Mesh | None) -> np.ndarray:
    """Noise as the faster third of the waves shows it, or third differences in time."""
    if mesh is not None and mesh.spectral:
        space = states.shape[3:]
        modes = mesh.forward(states - 0.0)
        lengths = mesh.lengths(space)
        fast = lengths >= np.quantile(lengths, 2 / 3)
        power = np.abs(modes[..., fast]) ** 2 / np.prod(space)
        return np.sqrt(np.median(power, axis=(0, 1, 3)) / np.log(2))
    order = min(3, states.shape[1] - 1)
    change = np.diff(states, n=order, axis=1)
    gain = sum(_binomial(order, i) ** 2 for i in range(order + 1))
    axes = (0, 1, *range(3, states.ndim))
    return np.sqrt((change**2).mean(axis=axes) / gain)


def _binomial(n: int, k: int) -> int:
    found = 1
    for i in range(k):
        found = found * (n - i) // (i + 1)
    return found


def cutoff(states: np.ndarray, sd: np.ndarray, mesh: Mesh) -> float:
    """The fastest wavenumber whose waves stand out of white noise of ``sd`` (components,)."""
    lengths = mesh.lengths(states.shape[3:])
    order = np.argsort(lengths, axis=None)
    drowned = _over(states, sd, mesh).ravel()[order] < ABOVE
    # One wave may be weak by chance: three in a row are not.
    run = drowned[:-2] & drowned[1:-1] & drowned[2:]
    first = int(run.argmax()) if run.any() else len(order) - 1
    if first < 2:
        raise EvidenceError(
            "discover",
            f"noise of {sd.max():.3g} drowns every wave of the states",
            why="nothing of the truth can be seen through it",
            do="Say what the noise is (noise=0.01 is one percent), or observe better",
        )
    return float(lengths.ravel()[order][first - 1])


def faint(states: np.ndarray, sd: np.ndarray, mesh: Mesh, cutoff: float) -> float:
    """The fastest wavenumber whose waves are there at all, ``cutoff`` or above.

    Waves that single states are drowned in still add up over many: leave them out, and their
    products with others are missing from every window alike, which biases. An average over N waves
    of noise alone is off by a share of 1 / sqrt(N).
    """
    sd = np.maximum(sd, _floor(states, mesh))
    lengths = mesh.lengths(states.shape[3:])
    order = np.argsort(lengths, axis=None)
    power = _over(states, sd, mesh).ravel()[order]
    many = min(BESIDE, len(power))
    near = np.convolve(power, np.ones(many) / many, mode="valid")
    lost = near < 1 + CHANCE / np.sqrt(many * np.prod(states.shape[:2]))
    first = int(lost.argmax()) if lost.any() else len(near) - 1
    return max(cutoff, float(lengths.ravel()[order][first + many // 2]))


def _over(states: np.ndarray, sd: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Power (*modes,) of every wave over that of white noise, of the component that has least."""
    power = (np.abs(mesh.forward(states)) ** 2).mean(axis=(0, 1)) / np.prod(states.shape[3:])
    return (power / np.maximum(sd, 1e-300).reshape(-1, *[1] * mesh.ndim) ** 2).min(axis=0)
