"""Data and judges of the conformal benchmark; ``Task`` and the clock are those of calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import calibration_task
import numpy as np
from calibration_task import Task as Task


LEVEL = 0.9
DATA = {
    "lac": "classes",
    "aps": "classes",
    "raps": "classes",
    "saps": "classes",
    "class_conditional": "classes",
    "split": "numbers",
    "split_groups": "numbers",
    "cv_plus": "few numbers",
    "cv_plus_large": "many numbers",
    "cps": "numbers",
    "cps_crps": "few numbers",
}
"""Task -> arrays, which ``FILES`` names; a new row of the benchmark is a row here."""

FILES = {
    "classes": ("classes_p", "classes_y"),
    "numbers": ("numbers_f", "numbers_y"),
    "few numbers": ("numbers_f", "numbers_y"),
    "many numbers": ("numbers_f", "numbers_y"),
}
"""Arrays -> files of ``make_arrays.py``: what is said, what happened."""

ROWS = {"few numbers": 20_000, "many numbers": 400_000}
"""Arrays -> how many rows of them, where not all."""

PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
GROUPS = 10
"""Quantiles of a predictive system; groups of rows by where the forecast lies."""


def halves(data: str, folder: str) -> tuple[np.ndarray, ...]:
    """What is said and what happened: of rows to calibrate on, then of new rows."""
    said, y = (np.load(Path(folder) / f"{name}.npy") for name in FILES[data])
    half = ROWS.get(data, len(y)) // 2
    return (
        said[:half].copy(),
        y[:half].copy(),
        said[half : 2 * half].copy(),
        y[half : 2 * half].copy(),
    )


def of_sets(members: np.ndarray, *given: np.ndarray) -> dict[str, float]:
    """Coverage and mean size of sets (n, k) of new rows."""
    truth = given[3]
    members = np.asarray(members, dtype=bool)
    held = members[np.arange(len(truth)), truth]
    return {"coverage": float(held.mean()), "mean size": float(members.sum(axis=1).mean())}


def of_intervals(ends: np.ndarray, *given: np.ndarray) -> dict[str, float]:
    """Coverage and mean width of intervals (n, 2) of new rows."""
    low, high = np.asarray(ends, dtype=np.float64).T
    held = (low <= given[3]) & (given[3] <= high)
    return {"coverage": float(held.mean()), "mean width": float((high - low).mean())}


def of_quantiles(values: np.ndarray, *given: np.ndarray) -> dict[str, float]:
    """Share of truths at or below the outermost quantiles (n, q) of new rows."""
    values = np.asarray(values, dtype=np.float64)
    low, high = (given[3] <= values[:, j] for j in (0, -1))
    return {"below 5 %": float(low.mean()), "below 95 %": float(high.mean())}


def of_scores(scores: np.ndarray, *given: np.ndarray) -> dict[str, float]:
    """Mean of a score (n,) of new rows."""
    return {"CRPS": float(np.mean(scores))}


def group_of(said: np.ndarray) -> np.ndarray:
    """Group (n,) of a forecast, by where it lies."""
    return np.clip(np.floor(said) + GROUPS // 2, 0, GROUPS - 1).astype(np.int64)


JUDGES = {"split": of_intervals, "split_groups": of_intervals, "cv_plus": of_intervals,
          "cv_plus_large": of_intervals, "cps": of_quantiles, "cps_crps": of_scores}  # fmt: skip


def judge_of(task: str) -> Callable:
    """What is said of the result of a task, as systems give it."""
    return JUDGES.get(task, of_sets)


def run(tasks: Mapping[str, Task | Callable]) -> None:
    """The task named on the command line; of a function it is the work."""
    made = {
        name: task if isinstance(task, Task) else Task(task, judge_of(name))
        for name, task in tasks.items()
    }
    calibration_task.run(made, data=DATA, read=halves)
