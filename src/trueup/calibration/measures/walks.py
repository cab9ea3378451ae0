"""Laws of the walk of cumulative residuals of a calibrated model."""

from __future__ import annotations

import math

import numpy as np

from trueup.core.cube import Cube
from trueup.core.grid import equal_mass


DRAWS = 1999
"""Walks that are drawn where rows depend on each other: p-values are multiples of 1/2000."""

STAGES = 256
"""Bins of a drawn walk."""


def survival_of_maximum(x: float) -> float:
    """Chance that ``max |B(t)|`` of Brownian motion on [0, 1] exceeds ``x`` > 0.

    ``1 - 4 / pi sum_k (-1)^k / (2 k + 1) exp(-(2 k + 1)^2 pi^2 / (8 x^2))``; for large x the same
    by reflection, which does not cancel.
    """
    if x > 1:
        tails = np.array([math.erfc((2 * k + 1) * x / math.sqrt(2)) for k in range(20)])
        return float(2 * (_signs(20) * tails).sum())
    odd = 2 * np.arange(40) + 1
    return float(
        1 - 4 / math.pi * np.sum(_signs(40) / odd * np.exp(-((odd * math.pi / x) ** 2) / 8))
    )


def survival_of_range(x: float) -> float:
    """Chance that the range of Brownian motion on [0, 1] exceeds ``x`` > 0 (Feller 1951).

    ``4 sum_k (-1)^(k-1) k erfc(k x / sqrt 2)``; below 2 one minus its dual series
    ``sum_k (8 / x^2 + 2 / (k + 1/2)^2 pi^2) exp(-2 (k + 1/2)^2 pi^2 / x^2)``.
    """
    if x > 2:
        k = np.arange(1, 20)
        tails = np.array([math.erfc(j * x / math.sqrt(2)) for j in k])
        return float(4 * (-_signs(20)[1:] * k * tails).sum())
    half = (np.arange(40) + 0.5) * math.pi
    return float(1 - np.sum((8 / x**2 + 2 / half**2) * np.exp(-2 * (half / x) ** 2)))


def _signs(count: int) -> np.ndarray:
    return (-1.0) ** np.arange(count)


def drawn_walks(cube: Cube, *, draws: int = DRAWS) -> np.ndarray:
    """(draws, stages) walks of chance alone, with the dependence between rows of a group.

    Each is the sum of the walks of the groups, freed of their mean, times independent normal
    numbers; one chi-squared number a draw carries over that few groups say little of their own
    spread, as Student's t does.
    """
    used = cube.table["n"].sum(axis=1) > 0
    if used.sum() < 2:
        return np.zeros((0, 1))
    part = equal_mass(cube.table["w"].sum(axis=0), bins=STAGES)
    merged = cube.table.merge(part)
    walks = np.cumsum((merged["y"] - merged["p"])[used], axis=1)
    weight = merged["w"][used].sum(axis=1)
    share = weight / weight.sum()
    walks = walks - share[:, None] * walks.sum(axis=0)
    groups, rng = len(walks), np.random.default_rng(0)
    freedom = max(1 / (share**2).sum() - 1, 1e-9)
    numbers = rng.normal(size=(draws, groups)) * math.sqrt(groups / max(groups - 1, 1))
    return (numbers @ walks) / np.sqrt(rng.chisquare(freedom, draws) / freedom)[:, None]
