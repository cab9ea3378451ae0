"""Twin experiments of the assimilation benchmark, and the rows that everybody runs.

Truths and observations of the 40 variables of Lorenz 1996 (forcing 8, Runge-Kutta of order four, a
step of 0.05, all observed with an error of 1), as files that every system reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np


VARIABLES, DT, START = 40, 0.05, 0.001**0.5
BURN_IN = 400
"""Times that are left out of means: ensembles start near the truth."""


class Row(NamedTuple):
    """A method with its tuning, and the root mean square error that DAPPER's sources expect.

    ``cycles`` is of each of the experiments; ``settings`` are words of this benchmark, which cases
    translate.
    """

    members: int
    settings: dict
    expected: float
    every: int = 1
    cycles: int = 5_000


ROWS = {
    "perturbed_40": Row(40, {"update": "perturbed", "inflation": 1.06}, 0.22),
    "deterministic_40": Row(40, {"update": "deterministic", "inflation": 1.01}, 0.18),
    "perturbed_28": Row(28, {"update": "perturbed", "inflation": 1.08}, 0.24),
    "square_root_24": Row(24, {"update": "square_root", "inflation": 1.013, "rotate": True}, 0.18),
    "serial_28": Row(28, {"update": "serial", "inflation": 1.02, "rotate": True}, 0.18),
    "finite_24": Row(24, {"certainty": 1.0, "rotate": True}, 0.21),
    "finite_24_sure": Row(24, {"certainty": 2.0, "rotate": True}, 0.18),
    "local_7": Row(7, {"radius": 4, "inflation": 1.04, "rotate": True}, 0.22),
    "local_serial_7": Row(
        7, {"update": "serial", "radius": 6, "inflation": 1.07, "rotate": True}, 0.23
    ),
    "iterative_25": Row(25, {"iterations": 10, "inflation": 1.2, "rotate": True}, 0.46, 12, 1_500),
}
EXPERIMENTS = 4


class Twins(NamedTuple):
    """Start (e, m) and truth (t, e, m) and observations (t, e, m) of e experiments."""

    start: np.ndarray
    truth: np.ndarray
    seen: np.ndarray


def rate(x: np.ndarray) -> np.ndarray:
    """Rate of change of (..., 40) states."""
    ring = np.concatenate([x[..., -2:], x, x[..., :1]], axis=-1)
    return (ring[..., 3:] - ring[..., :-3]) * ring[..., 1:-2] - x + 8.0


def step(x: np.ndarray, dt: float) -> np.ndarray:
    """States after dt."""
    a = rate(x)
    b = rate(x + dt / 2 * a)
    c = rate(x + dt / 2 * b)
    d = rate(x + dt * c)
    return x + dt / 6 * (a + 2 * (b + c) + d)


def twins(row: Row, folder: str) -> Twins:
    """The experiments of a row, written down the first time."""
    path = Path(folder) / f"lorenz96_{row.every}_{row.cycles}.npz"
    if not path.exists():
        np.savez(path, **make(row)._asdict())
    with np.load(path) as kept:
        return Twins(kept["start"], kept["truth"], kept["seen"])


def make(row: Row, *, experiments: int = EXPERIMENTS, seed: int = 2008) -> Twins:
    """Truths from the attractor, and their observations."""
    rng = np.random.default_rng(seed)
    x = 8 + rng.standard_normal((experiments, VARIABLES))
    for _ in range(1_000):
        x = step(x, DT)
    start, truth = x, np.empty((row.cycles, experiments, VARIABLES))
    for k in range(row.cycles):
        for _ in range(row.every):
            x = step(x, DT)
        truth[k] = x
    return Twins(start, truth, truth + rng.standard_normal(truth.shape))


def judged(analysis: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """RMSE of (t, e, m) analyses and its standard error, from means of stretches of 200 times.

    An experiment whose error is above that of observations in the mean of a stretch has lost the
    truth; those are counted, and left out of the mean.
    """
    error = np.sqrt(((analysis - truth)[BURN_IN:] ** 2).mean(-1))
    means = np.array([part.mean(0) for part in np.array_split(error, max(len(error) // 200, 2))])
    kept = (means < 1).all(0)
    found = {"RMSE": float(error[:, kept].mean())}
    found["standard error"] = float(means[:, kept].std() / means[:, kept].size ** 0.5)
    return found if kept.all() else found | {f"of {len(kept)} lost the truth": int((~kept).sum())}
