"""Updates with localisation: an observation acts on what is near it, or goes along with it.

* ``square_root``: local analyses. Every point sees observations whose inverse error variance is
  multiplied by the taper; all points at once, by stacked eigenvalue problems (Hunt et al. 2007).
* ``perturbed``, ``deterministic``: tapered covariances, ``K = (r o A'S) (I + r o S'S)^-1`` with
  ``o`` the product of elements and ``r`` the taper (Houtekamer, Mitchell 2001). A taper that is no
  covariance itself could make the matrix indefinite; there ``K = r o (A'S (I + S'S)^-1)``.
* ``serial``: the regression of every observation is tapered (Anderson 2001).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from trueup.error.assimilation.transforms import LocalGain, LocalSeries, LocalWeights
from trueup.error.assimilation.updates import one_by_one, perturbations, symmetric


BLOCK = 2**22
"""Numbers that stacked local analyses hold at a time, about 32 MiB."""


class Near(NamedTuple):
    """Observations near every point.

    ``index`` (points, k), or None for all of them in order; ``weight`` (points, k) or
    (e, points, k); ``point`` (m,) of every number of the state, None for its own.
    """

    index: np.ndarray | None
    weight: np.ndarray
    point: np.ndarray | None


class Reach(Protocol):
    """What a localisation knows after it has met a state and its observations.

    ``covariance`` says whether tapered covariances are covariances; where not, gains are tapered.
    """

    covariance: bool

    def near(self, A: np.ndarray, S: np.ndarray) -> Near:
        """Observations of every point."""
        ...

    def state(self, A: np.ndarray, S: np.ndarray) -> np.ndarray:
        """Taper (m, p) or (e, m, p) of the state with observations."""
        ...

    def observed(self, S: np.ndarray) -> np.ndarray:
        """Taper (p, p) or (e, p, p) of observations among themselves."""
        ...


def square_root(A, S, d, rng, reach: Reach) -> LocalWeights:
    """Local analyses of all points."""
    near = reach.near(A, S)
    e, n = S.shape[:2]
    points, k = near.weight.shape[-2:]
    rows = S.swapaxes(1, 2)
    root = np.broadcast_to(np.sqrt(near.weight), (e, points, k))
    w = np.empty((e, points, n), S.dtype)
    T = np.empty((e, points, n, n), S.dtype)
    size = max(BLOCK // max(e * n * max(k, n), 1), 1)
    for start in range(0, points, size):
        part = slice(start, start + size)
        scale = root[:, part]
        if near.index is None:
            local, off = rows[:, None], d[:, None]
        else:
            local, off = rows[:, near.index[part]], d[:, near.index[part]]
        seen = (local * scale[..., None]).swapaxes(-1, -2)
        made = symmetric(seen, off * scale).whole()
        w[:, part], T[:, part] = made.w, made.T
    return LocalWeights(w, T, near.point)


def perturbed(A, S, d, rng, reach: Reach) -> LocalGain:
    """Tapered gain; every member meets errors of its own."""
    root = (S.shape[1] - 1) ** 0.5
    return _tapered(A, S, d / root, perturbations(S, rng) / root - S, reach)


def deterministic(A, S, d, rng, reach: Reach) -> LocalGain:
    """Tapered gain, half of it for anomalies."""
    return _tapered(A, S, d / (S.shape[1] - 1) ** 0.5, S * -0.5, reach)


def _tapered(A, S, shift, anomalies, reach: Reach) -> LocalGain:
    increments = np.concatenate([shift[:, None], anomalies], axis=1)
    taper, inner = reach.state(A, S).astype(S.dtype, copy=False), S.swapaxes(1, 2) @ S
    one = np.eye(S.shape[2], dtype=S.dtype)
    if not reach.covariance:
        S = np.linalg.solve(inner + one, S.swapaxes(1, 2)).swapaxes(1, 2)
        return LocalGain(S, increments, taper)
    C = reach.observed(S).astype(S.dtype, copy=False) * inner + one
    increments = np.linalg.solve(C, increments.swapaxes(1, 2)).swapaxes(1, 2)
    return LocalGain(S, increments, taper)


def serial(A, S, d, rng, reach: Reach) -> LocalSeries:
    """One observation after another, its regression tapered; coefficients serve any state."""
    among = reach.observed(S).astype(S.dtype, copy=False)
    n = S.shape[1]
    _, y, c = one_by_one(S[:, :, :0], S, d, among)
    c[:, :, n] /= (n - 1) ** 0.5
    return LocalSeries(y, c, reach.state(A, S).astype(S.dtype, copy=False))


LOCAL: dict[str, Callable] = {
    "square_root": square_root,
    "perturbed": perturbed,
    "deterministic": deterministic,
    "serial": serial,
}
"""Name of an update -> the function that makes its local transform."""
