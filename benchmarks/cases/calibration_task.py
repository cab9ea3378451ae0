"""Run one task of the calibration benchmark on a system and say what it took and found."""

from __future__ import annotations

import json
import re
import resource
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from clock import Clock


DATA = {
    "ece": "event",
    "ece_interval": "event",
    "smooth_ece": "event",
    "corp": "event",
    "ece_top": "classes",
    "classwise": "classes",
    "temperature_event": "event",
    "temperature": "classes",
    "temperature_double": "classes as float64",
    "platt": "event",
    "beta": "event",
    "quadratic": "event",
    "vector": "few classes",
    "svs": "few classes",
    "sms": "few classes",
    "isotonic": "event",
    "isotonic_classes": "classes",
    "venn_abers": "halves",
}
TIMES, ENOUGH, FEW = 5, 3.0, 20_000


class Task:
    """What a system does for a task.

    Parameters
    ----------
    work
        What is measured: ``work(*prepared)``.
    judge
        ``judge(result, *arrays)`` -> the numbers to compare, after the clock.
    prepare
        ``prepare(*arrays)`` -> arguments of ``work``, before the clock.
    """

    def __init__(self, work: Callable, judge: Callable, prepare: Callable = lambda *a: a):
        self.work, self.judge, self.prepare = work, judge, prepare


def arrays(data: str, folder: str) -> tuple[np.ndarray, ...]:
    """The arrays of a task: probabilities and labels; then those to test on, where some are."""
    name = "event" if data in ("event", "halves") else "classes"
    p, y = (np.load(Path(folder) / f"{name}_{part}.npy") for part in "py")
    if data == "halves":
        first, second = slice(0, 100_000), slice(100_000, 200_000)
        return p[first].copy(), y[first].copy(), p[second].copy(), y[second].copy()
    if data == "few classes":
        first, second = slice(0, FEW), slice(FEW, 2 * FEW)
        p = p.astype(np.float64)
        return p[first].copy(), y[first].copy(), p[second].copy(), y[second].copy()
    return p.astype(np.float64) if data.endswith("float64") else p, y


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    """Mean log loss of probabilities (n,) of an event or (n, k) of classes."""
    said = np.where(y == 1, p, 1 - p) if p.ndim == 1 else p[np.arange(len(y)), y]
    return float(-np.log(np.maximum(said.astype(np.float64), 1e-12)).mean())


def run(
    tasks: dict[str, Task],
    made: Callable | None = None,
    *,
    data: Mapping[str, str] = DATA,
    read: Callable = arrays,
) -> None:
    """The task named on the command line, a few times; the last line says the best.

    ``made(name)`` makes its arrays; None lets ``read`` read those that ``data`` names.
    """
    name, folder = sys.argv[1:3]
    task, given = tasks[name], made(name) if made else read(data[name], folder)
    _warm_up(task, given)
    prepared = task.prepare(*given)
    start, clocks, rise = _start_of_peak(), [], 0.0
    while len(clocks) < TIMES and (not clocks or sum(c.cpu for c in clocks) < ENOUGH):
        with Clock() as clock:
            result = task.work(*prepared)
        clocks.append(clock)
        rise = rise or _peak() - start
    said = {"inner_cpu": min(c.cpu for c in clocks), "inner_wall": min(c.wall for c in clocks)}
    print(json.dumps(said | {"rise": rise, "values": task.judge(result, *given)}))


def _warm_up(task: Task, given: tuple[np.ndarray, ...]) -> None:
    """Imports and compilation are not counted; a system may refuse so few rows."""
    with suppress(Exception):
        task.work(*task.prepare(*(array[:3_000] for array in given)))


def _start_of_peak() -> float:
    """Memory now, in MiB; the kernel forgets the peak where it may be told to."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _status(name: str) -> float:
    try:
        found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
