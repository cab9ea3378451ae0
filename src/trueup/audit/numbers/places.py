r"""Where the truth falls within what was stated, and how wide it should be.

The places are the steps between the levels of a forecast; of an honest one each holds as many
truths as its levels say.

How wide: with :math:`p_l, p_h` the shares of truths below the ends of a central interval that are
stated to lie below levels l and h,

.. math:: (\Phi^{-1}(p_h) - \Phi^{-1}(p_l)) / (\Phi^{-1}(h) - \Phi^{-1}(l))

is the stated spread over the right one, whatever the bias, if errors are normal.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from trueup.core.cells import Cells
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.grid import Grid, equal_mass
from trueup.core.jackknife import Replicates, interval


BINS = 10


def edges_of(cube: Cube) -> np.ndarray:
    """Levels that bound the places, from 0 to 1."""
    return np.array([0.0, *cube.grid.edges, 1.0])  # type: ignore[attr-defined]


def masses(cube: Cube) -> Cube:
    """Weight that fell into at most ten bins of places, and what should have, for the PIT test."""
    stated = np.diff(edges_of(cube))
    part = equal_mass(stated, bins=BINS)
    merged = cube.table.merge(part)
    share = np.bincount(part, stated)
    total = merged["w"].sum(axis=1, keepdims=True)
    sums = [merged[name] for name in ("n", "w", "w2", "w")] + [total * share]
    cells = Cells(("n", "w", "w2", "mass", "expected"), np.stack(sums))
    return Cube(Grid(1, 1), cells, False, cube.grouping)


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

    parts, in_time = below[:, [low, high, -1]], cube.grouping == "block"
    made = Replicates.of(parts, value, sizes=sizes, in_time=in_time)
    ends = interval(made, level=level)
    return Estimate(made.value, *ends[:2], level, cube.n, ends[2])
