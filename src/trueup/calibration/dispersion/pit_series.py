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

LEAST_A_BIN = 4.4
"""Independent rows that the smallest bin should hold: runs of rare truths look independent."""

FEW, STRONG = 15, 19.0
"""With fewer rows outside of the fullest bin nobody can see how long rows depend on each other, and
they are taken for a series with a lag correlation of .9, which goes (1 + .9) / (1 - .9) as one."""

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
    blocks, variance, share = _blocks(cube)
    if len(blocks) - 1 < LEAST_WAVES:
        return Tested(math.nan, f"cannot be judged: only {len(blocks)} blocks of time")
    worth = independent_rows(cube)
    most = min(len(blocks) - 1, int(worth / ROWS_A_WAVE))
    needed = max(LEAST_ROWS, LEAST_A_BIN / share.min())
    if not worth >= needed:
        return Tested(
            math.nan,
            f"cannot be judged: a series of {cube.n:,} rows that follow each other is worth "
            f"{worth:.0f} independent ones, and {needed:.0f} are needed",
        )
    q = min(max(most // 3, 2), blocks.shape[1])
    how = f"Hotelling's T^2 of {q} contrasts of bins, {most} waves of {len(blocks)} blocks of time"
    return Tested(_hotelling(blocks[:, :q], variance[:q, :q], most), how)


def independent_rows(cube: Cube) -> float:
    """Independent rows that a series is worth: its rows over those that go as one.

    NaN with fewer than four blocks of time, which do not show how long rows depend on each other.
    """
    blocks, variance, _ = _blocks(cube)
    rows = _rows(cube)
    if len(blocks) - 1 < LEAST_WAVES:
        return math.nan
    return rows / max(long_run(blocks, np.diag(variance)), _unseen(cube, rows))


def contrasts(share: np.ndarray) -> np.ndarray:
    """Orthonormal polynomials (bins, q) of the middle level of each bin, of degree 1 to 4.

    They are scaled so that of independent rows the total of each has variance 1.
    """
    middle = np.cumsum(share) - share / 2
    powers = np.vander(middle, min(len(share), CONTRASTS + 1), increasing=True)
    return np.linalg.qr(np.sqrt(share)[:, None] * powers)[0][:, 1:]


def long_run(blocks: np.ndarray, variance: np.ndarray) -> float:
    """Rows that go as one: the larger design effect of the first two contrasts (g, q).

    The lag correlation of blocks stands for what they share with their neighbours; ``variance`` is
    that of the total were rows independent, so a law that is far off does not pass for dependent.
    """
    g, centred = len(blocks), (blocks - blocks.mean(axis=0))[:, :2]
    whole = (centred**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        lag = np.nan_to_num((centred[1:] * centred[:-1]).sum(axis=0) / whole)
        effect = np.where(variance[:2] > 1e-9, whole * g / max(g - 1, 1) / variance[:2], 0.0)
    return float(np.nan_to_num(effect * (1 + 2 * np.maximum(lag, 0))).max())


def _unseen(cube: Cube, rows: float) -> float:
    """Least design effect to believe: that of ``STRONG`` where nearly all rows are in one bin."""
    mass = cube.table["mass"].sum(axis=0)
    return 1.0 if rows * (1 - mass.max() / mass.sum()) >= FEW else STRONG


def _rows(cube: Cube) -> float:
    """Rows, of unequal weights effective ones."""
    w, w2 = cube.table.total("w", "w2").sum(axis=0)
    return float(w**2 / w2)


def _blocks(cube: Cube) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contrasts (g, q) of the used blocks, their covariance over rows (q, q), shares (bins,)."""
    used = cube.table["n"].sum(axis=1) > 0
    w, w2 = cube.table.total("w", "w2").sum(axis=0)
    share = cube.table["expected"].sum(axis=0) / w
    gap = (cube.table["mass"] - cube.table["expected"])[used]
    score = contrasts(share)
    return gap / np.sqrt(w2 * share) @ score, _row_variance(cube, score, share), share


def _row_variance(cube: Cube, score: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Covariance (q, q) of contrasts over rows as they fell; of an honest forecast the identity."""
    mass = cube.table["mass"].sum(axis=0)
    mass, of_bins = mass / mass.sum(), score / np.sqrt(share)[:, None]
    mean = mass @ of_bins
    return (of_bins * mass[:, None]).T @ of_bins - np.outer(mean, mean)


def _hotelling(blocks: np.ndarray, variance: np.ndarray, count: int) -> float:
    """p-value of the totals of ``blocks`` (g, q), their covariance from ``count`` slow waves.

    Waves are taken in units of the rows' own ``variance`` (q, q), and so the covariance is that of
    an honest forecast whose rows depend on each other as these do: where few truths fall outside of
    an interval, both their number and its scatter are small by the same chance.
    """
    total, slow = blocks.sum(axis=0), waves(blocks)[:count] @ _inverse_root(variance)
    covariance = slow.T @ slow * len(blocks) / count
    # A bin that no row fell into by chance has no variance: it is given a part of that of rows.
    sizes, ways = np.linalg.eigh(covariance)
    squared = float(((total @ ways) ** 2 / np.maximum(sizes, LEAST_VARIANCE)).sum())
    q = len(total)
    left = count - q + 1
    return float(fdtrc(q, left, squared * left / (count * q)))


def _inverse_root(variance: np.ndarray) -> np.ndarray:
    sizes, ways = np.linalg.eigh(variance)
    return ways / np.sqrt(np.maximum(sizes, 1e-9)) @ ways.T
