r"""Where the truth falls within what was stated: a test of its places, and how wide it should be.

The places are the steps between the levels of a forecast; of an honest one each holds as many
truths as its levels say. The test asks for the first few orthonormal polynomials of the level: they
speak of bias, spread, skewness and tails (Neyman's smooth test), and their covariance is taken from
groups of rows, so that rows that depend on each other do not count twice (Hotelling).

How wide: with :math:`p_l, p_h` the shares of truths below the ends of a central interval that are
stated to lie below levels l and h,

.. math:: (\Phi^{-1}(p_h) - \Phi^{-1}(p_l)) / (\Phi^{-1}(h) - \Phi^{-1}(l))

is the stated spread over the right one, whatever the bias, if errors are normal.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import fdtrc, ndtri

from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.jackknife import Replicates, interval


COMPONENTS = 4


def edges_of(cube: Cube) -> np.ndarray:
    """Levels that bound the places, from 0 to 1."""
    return np.array([0.0, *cube.grid.edges, 1.0])  # type: ignore[attr-defined]


def pit_test(cube: Cube) -> tuple[float, str]:
    """p-value of places that are as frequent as stated, and how it was made.

    NaN where fewer than six groups of rows stand behind it.
    """
    edges = edges_of(cube)
    w = cube.table["w"]
    sizes = cube.table["n"].sum(axis=1)
    w, sizes = w[sizes > 0], sizes[sizes > 0]
    g = sizes.sum() ** 2 / max((sizes**2).sum(), 1e-300)
    k = int(min(COMPONENTS, len(edges) - 2, g / 2 - 2))
    if k < 1:
        return math.nan, "too few groups of rows, or places"
    parts = w @ _polynomials(edges, k)
    total = w.sum()
    mean = parts.sum(axis=0) / total
    left = (parts - np.outer(w.sum(axis=1), mean)) / total
    spread = left.T @ left * len(left) / (len(left) - 1)
    if np.linalg.matrix_rank(spread) < k:
        return (0.0 if np.abs(mean).max() > 1e-9 else 1.0), "places that never vary"
    statistic = mean @ np.linalg.solve(spread, mean)
    p_value = fdtrc(k, g - k, max(statistic, 0.0) * (g - k) / (k * (g - 1)))
    return float(p_value), f"smooth test of {k} components over groups, F({k}, {g - k:.0f})"


def _polynomials(edges: np.ndarray, k: int) -> np.ndarray:
    """(places, k) polynomials of the middle of a place, of mean 0 and variance 1 as stated."""
    middle, mass = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    powers = np.vander(2 * middle - 1, k + 1, increasing=True)
    q, _ = np.linalg.qr(powers * np.sqrt(mass)[:, None])
    return q[:, 1:] / np.sqrt(mass)[:, None]


def shares_below(cube: Cube) -> tuple[np.ndarray, np.ndarray]:
    """Sums (groups, levels + 1): weight below each level, and all weight; and rows (groups,)."""
    w = cube.table["w"]
    below = np.cumsum(w, axis=1)
    return below, cube.table["n"].sum(axis=1)


def spread_ratio(cube: Cube, low: int, high: int, *, level: float) -> Estimate:
    """Stated spread over the right one, from the interval between two levels of the places."""
    edges = edges_of(cube)
    wide = float(ndtri(edges[high + 1]) - ndtri(edges[low + 1]))
    below, sizes = shares_below(cube)
    least = 0.5 / max(cube.n, 1)

    def value(sums: np.ndarray) -> np.ndarray:
        p = np.clip(sums[:, :2] / sums[:, 2:], least, 1 - least)
        return (ndtri(p[:, 1]) - ndtri(p[:, 0])) / wide

    made = Replicates.of(below[:, [low, high, -1]], value, sizes=sizes)
    ends = interval(made, level=level)
    return Estimate(made.value, *ends[:2], level, cube.n, ends[2])


def stated_against_reached(cube: Cube, *, level: float = 0.95) -> list[dict]:
    """Share of truths below each stated level, with its interval."""
    below, sizes = shares_below(cube)
    rows = []
    for j, stated in enumerate(edges_of(cube)[1:-1]):
        made = Replicates.of(
            below[:, [j, below.shape[1] - 1]], lambda s: s[:, 0] / s[:, 1], sizes=sizes
        )
        low, high, _ = interval(made, level=level)
        rows.append({"stated": float(stated), "value": made.value, "low": low, "high": high})
    return rows
