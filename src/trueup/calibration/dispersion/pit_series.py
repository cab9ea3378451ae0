"""PIT test of a series: contrasts of the histogram, compared with how blocks of time scatter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from trueup.core.cube import Cube
from trueup.core.in_time import waves


CONTRASTS = 4
"""Bias, spread, skewness and tails: what a wrong law does to its histogram first."""

LEAST_ROWS = 44.0
"""Independent rows that a series must be worth. At .9, 100 rows are worth 30 at most."""

ROWS_A_WAVE = 11.4
"""Independent rows a slow wave. In simulated series of 100 to 10,000 rows with lag correlations
0, .5 and .9, honest ones were then called dishonest 4 to 7 times in 100 at a level of 5 %."""

LEAST_WAVES = 3
"""Waves below which not even two contrasts can be judged together."""


LEAST_VARIANCE = 0.25
"""Variance of a contrast, in those of independent rows, below which it is not believed."""


@dataclass(frozen=True)
class Tested:
    """p-value, NaN where it cannot be judged, and how it was made or why not."""

    p_value: float
    how: str


def series_test(cube: Cube) -> Tested:
    """Test of the masses by block of time and bin in ``cube``."""
    gap, share, rows = _scaled(cube)
    score = contrasts(share)
    blocks = gap @ score
    worth = rows / long_run(blocks, _row_variance(cube, score, share), rows)
    most = min(len(gap) - 1, int(worth / ROWS_A_WAVE))
    if len(gap) - 1 < LEAST_WAVES:
        return Tested(math.nan, f"cannot be judged: only {len(gap)} blocks of time")
    if not worth >= LEAST_ROWS:
        return Tested(
            math.nan,
            f"cannot be judged: a series of {cube.n:,} rows that follow each other is worth "
            f"{worth:.0f} independent ones, and {LEAST_ROWS:.0f} are needed",
        )
    q = min(max(most // 3, 2), blocks.shape[1])
    how = (
        f"Hotelling's T^2 of {q} contrasts of bins, {most} slow waves of {len(gap)} blocks of time"
    )
    return Tested(_hotelling(blocks[:, :q], most), how)


def contrasts(share: np.ndarray) -> np.ndarray:
    """Orthonormal polynomials (bins, q) of the middle level of each bin, of degree 1 to 4.

    They are scaled so that of independent rows the total of each has variance 1.
    """
    middle = np.cumsum(share) - share / 2
    powers = np.vander(middle, min(len(share), CONTRASTS + 1), increasing=True)
    return np.linalg.qr(np.sqrt(share)[:, None] * powers)[0][:, 1:]


def long_run(blocks: np.ndarray, variance: np.ndarray, rows: float) -> float:
    """Rows that go as one: the larger design effect of the first two contrasts (g, q).

    The lag correlation of blocks stands for what they share with their neighbours; ``variance`` is
    that of the total were rows independent, so a law that is far off does not pass for dependent.
    """
    g, centred = len(blocks), (blocks - blocks.mean(axis=0))[:, :2]
    whole = (centred**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        lag = np.nan_to_num((centred[1:] * centred[:-1]).sum(axis=0) / whole)
        effect = whole * g / max(g - 1, 1) / variance[:2]
    # Masses that are spread over bins vary less than rows do, which says nothing about dependence.
    return float(min(max(np.nan_to_num(effect * (1 + 2 * np.maximum(lag, 0))).max(), 0.5), rows))


def _scaled(cube: Cube) -> tuple[np.ndarray, np.ndarray, float]:
    """Gaps (g, bins) of the used blocks, in errors of independent rows; shares; effective rows."""
    used = cube.table["n"].sum(axis=1) > 0
    w, w2 = cube.table.total("w", "w2").sum(axis=0)
    share = cube.table["expected"].sum(axis=0) / w
    gap = (cube.table["mass"] - cube.table["expected"])[used]
    return gap / np.sqrt(w2 * share), share, float(w**2 / w2)


def _row_variance(cube: Cube, score: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Variance (q,) of a contrast over rows as they fell."""
    mass = cube.table["mass"].sum(axis=0)
    mass, of_bins = mass / mass.sum(), score / np.sqrt(share)[:, None]
    return mass @ of_bins**2 - (mass @ of_bins) ** 2


def _hotelling(blocks: np.ndarray, count: int) -> float:
    """p-value of the totals of ``blocks`` (g, q), their covariance from ``count`` slow waves."""
    total, slow = blocks.sum(axis=0), waves(blocks)[:count]
    covariance = slow.T @ slow * len(blocks) / count
    # A bin that no row fell into by chance has no variance: it is given a part of that of rows.
    sizes, ways = np.linalg.eigh(covariance)
    squared = float(((total @ ways) ** 2 / np.maximum(sizes, LEAST_VARIANCE)).sum())
    q = len(total)
    left = count - q + 1
    return float(fdtrc(q, left, squared * left / (count * q)))
