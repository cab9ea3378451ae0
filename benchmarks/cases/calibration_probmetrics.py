"""probmetrics on a task: ``calibration_probmetrics.py TASK FOLDER``."""

from __future__ import annotations

import numpy as np
import torch
from calibration_task import Task, log_loss, run
from probmetrics.calibrators import BinaryLogisticCalibrator, get_calibrator


def two(p):
    """Both columns of an event's probabilities."""
    return np.column_stack([1 - p, p]) if p.ndim == 1 else p


def of(name: str) -> Task:
    """The task of fitting the calibrator ``name``."""
    return Task(lambda p, y, *_: get_calibrator(name).fit(p, y), after, both)


def both(p, y, *_):
    """What ``fit`` takes."""
    return two(p), y


def after(fitted, p, y, *new) -> dict[str, float]:
    """Log loss after the correction, on its rows and on new ones."""
    found = {"log loss": log_loss(np.asarray(fitted.predict_proba(two(p))), y)}
    if new:
        found["log loss, new rows"] = log_loss(np.asarray(fitted.predict_proba(new[0])), new[1])
    return found


def heat(fitted, p, *_) -> dict[str, float]:
    """The temperature, from what it does to the first row."""
    before = np.log(two(p)[:1].astype(np.float64))
    then = np.log(np.asarray(fitted.predict_proba(two(p)[:1]), dtype=np.float64))
    i, j = before[0].argmax(), before[0].argmin()
    return {"T": float((before[0, i] - before[0, j]) / (then[0, i] - then[0, j]))}


def temperature() -> Task:
    """Temperature scaling by bisection."""
    return Task(lambda p, y: get_calibrator("temp-scaling").fit(p, y), heat, both)


def logistic(kind: str) -> Task:
    """Logistic regression on log-odds and their square."""
    return Task(lambda p, y: BinaryLogisticCalibrator(type=kind).fit(p, y), after, both)


TASKS = {
    "temperature_event": temperature(),
    "temperature": temperature(),
    "temperature_double": temperature(),
    "platt": logistic("affine"),
    "beta": logistic("beta"),
    "quadratic": logistic("quadratic"),
    "svs": of("svs"),
    "sms": of("sms"),
}


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(TASKS)
