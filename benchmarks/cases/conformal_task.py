"""Data and judges of the conformal benchmark; ``Task`` and the clock are those of calibration."""

from __future__ import annotations

from functools import partial
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
}
"""Task -> arrays, which ``FILES`` names; a new row of the benchmark is a row here."""

FILES = {
    "classes": ("classes_p", "classes_y"),
}
"""Arrays -> files of ``make_arrays.py``: what is said, what happened."""


def halves(data: str, folder: str) -> tuple[np.ndarray, ...]:
    """What is said and what happened: of rows to calibrate on, then of new rows."""
    said, y = (np.load(Path(folder) / f"{name}.npy") for name in FILES[data])
    half = len(y) // 2
    return said[:half].copy(), y[:half].copy(), said[half:].copy(), y[half:].copy()


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


run = partial(calibration_task.run, data=DATA, read=halves)
