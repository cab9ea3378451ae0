"""Arrays of the benchmark of forecasts, whose law is known, and how to run one of its tasks."""

from __future__ import annotations

import numpy as np
from calibration_task import Task
from calibration_task import run as run_task


__all__ = ["ALPHA", "LEVELS", "MEMBERS", "ROWS", "Task", "run"]

ROWS, MEMBERS, ALPHA = 1_000_000, 50, 0.1
LEVELS = np.array([0.01, 0.025, *np.round(np.arange(0.05, 0.96, 0.05), 2), 0.975, 0.99])
Z = np.array([
    -2.32634787404084, -1.95996398454005, -1.64485362695147, -1.2815515655446, -1.03643338949379,
    -0.841621233572914, -0.674489750196082, -0.524400512708041, -0.385320466407568,
    -0.2533471031358, -0.125661346855074, 0.0, 0.125661346855074, 0.2533471031358,
    0.385320466407568, 0.524400512708041, 0.674489750196082, 0.841621233572914, 1.03643338949379,
    1.2815515655446, 1.64485362695147, 1.95996398454005, 2.32634787404084,
])  # fmt: skip


def law() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, stated mean and stated standard deviation (n,): .8 of the true one."""
    rng = np.random.default_rng(0)
    mean, sd = rng.normal(size=ROWS), np.exp(0.3 * rng.normal(size=ROWS))
    return mean + sd * rng.normal(size=ROWS), mean, 0.8 * sd


def quantiles() -> tuple[np.ndarray, np.ndarray]:
    """Truth, and quantiles (n, 23) in double precision."""
    y, mean, sd = law()
    return y, mean[:, None] + sd[:, None] * Z


def ends() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, and both ends of the central 90 % interval."""
    y, mean, sd = law()
    return y, mean + Z[2] * sd, mean + Z[-3] * sd


def members() -> tuple[np.ndarray, np.ndarray]:
    """Truth, and members (n, 50) in double precision."""
    y, mean, sd = law()
    return y, mean[:, None] + sd[:, None] * np.random.default_rng(1).normal(size=(ROWS, MEMBERS))


DATA = {
    "wis": quantiles,
    "pinball": quantiles,
    "interval_score": ends,
    "crps_normal": law,
    "crps_ensemble": members,
    "rank_histogram": members,
}


def run(tasks: dict[str, Task]) -> None:
    """The task named on the command line."""
    run_task(tasks, lambda name: DATA[name]())
