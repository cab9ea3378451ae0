"""States of the benchmark of simulators, and how to run one of its tasks."""

from __future__ import annotations

import numpy as np
from calibration_task import Task
from calibration_task import run as run_task


__all__ = ["DT", "LENGTH", "STEPS", "Task", "run"]

MEMBERS, POINTS, LENGTH, DT, STEPS = 100, 1024, 100.0, 0.01, 100
RING, RING_MEMBERS = 40, 1000


def waves() -> np.ndarray:
    """(members, points) smooth waves in double precision."""
    rng = np.random.default_rng(0)
    s = 2 * np.pi * np.arange(POINTS) / POINTS
    k = np.arange(1, 20)[:, None]
    phase = 2 * np.pi * rng.random((MEMBERS, 19, 1))
    return (rng.normal(size=(MEMBERS, 19, 1)) * np.cos(k * s + phase)).sum(axis=1) / 4


def ring() -> np.ndarray:
    """(members, 40) values about 8."""
    return 8 + np.random.default_rng(0).normal(size=(RING_MEMBERS, RING))


DATA = {
    "ks_float64": waves,
    "ks_float32": lambda: waves().astype(np.float32),
    "lorenz96": ring,
}


def spread(found, *_) -> dict[str, float]:
    """What the last states have in common."""
    found = np.asarray(found, dtype=np.float64)
    return {"sd": float(found.std()), "mean square": float((found**2).mean())}


def run(tasks: dict) -> None:
    """The task named on the command line; ``tasks``: name -> what makes the last states."""
    made = {name: Task(work, spread) for name, work in tasks.items()}
    run_task(made, lambda name: (DATA[name](),))
