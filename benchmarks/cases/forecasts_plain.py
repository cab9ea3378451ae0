"""The floor: each task as a short NumPy and SciPy script without checks: ``... TASK FOLDER``."""

from __future__ import annotations

import math

import numpy as np
from forecasts_task import ALPHA, LEVELS, Task, run
from scipy.special import ndtr


def pinball(y, q) -> float:
    """Mean over rows and levels, a level at a time."""
    total = 0.0
    for j, level in enumerate(LEVELS):
        d = y - q[:, j]
        total += np.maximum(level * d, (level - 1) * d).mean()
    return total / len(LEVELS)


def wis(y, q) -> float:
    """By its definition: the median, and 11 intervals."""
    score = 0.5 * np.abs(y - q[:, 11])
    for k in range(11):
        alpha, low, high = 2 * LEVELS[k], q[:, k], q[:, -1 - k]
        outside = np.maximum(low - y, 0) + np.maximum(y - high, 0)
        score += alpha / 2 * (high - low) + outside
    return score.mean() / 11.5


def interval_score(y, low, high) -> float:
    """Width and fine."""
    outside = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    return (high - low + 2 / ALPHA * outside).mean()


def crps_normal(y, mean, sd) -> float:
    """Closed form."""
    z = (y - mean) / sd
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return (sd * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))).mean()


def crps_ensemble(y, x) -> float:
    """Distances from the truth, and a weighted sum of the sorted members."""
    m = x.shape[1]
    near = np.abs(x - y[:, None]).mean(axis=1)
    weight = (2 * np.arange(1, m + 1) - m - 1) / m**2
    return (near - np.sort(x, axis=1) @ weight).mean()


def rank_histogram(y, x) -> np.ndarray:
    """Counts of ranks; ties are left below."""
    return np.bincount((x < y[:, None]).sum(axis=1), minlength=x.shape[1] + 1)


def judge(name: str):
    """The number to compare."""
    if name == "rank_histogram":
        return lambda counts, *_: {"first rank": counts[0] / counts.sum()}
    return lambda value, *_: {name: float(value)}


if __name__ == "__main__":
    made = (wis, pinball, interval_score, crps_normal, crps_ensemble, rank_histogram)
    run({work.__name__: Task(work, judge(work.__name__)) for work in made})
