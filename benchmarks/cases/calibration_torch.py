"""netcal or torchmetrics on a task: ``calibration_torch.py TASK FOLDER netcal|torchmetrics``.

netcal gets double precision, since single precision leaves its maximum likelihood where it starts;
the task ``temperature`` shows that with the single precision that a network returns.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from calibration_task import Task, log_loss, run


def netcal_tasks() -> dict[str, Task]:
    """Tasks that netcal has."""
    from netcal.binning import IsotonicRegression
    from netcal.metrics import ECE
    from netcal.scaling import BetaCalibration, LogisticCalibration, TemperatureScaling

    def fit(method):
        return lambda p, y, *_: method().fit(p, y)

    def after(fitted, p, y, *new):
        found = {"log loss": log_loss(np.asarray(fitted.transform(p)), y)}
        return found | (
            {"log loss, new rows": log_loss(fitted.transform(new[0]), new[1])} if new else {}
        )

    def heat(fitted, *_):
        return {"T": 1 / float(np.ravel(fitted.temperature)[0])}

    ece = Task(lambda p, y: ECE(15).measure(p, y), lambda v, *_: {"ECE": float(v)})
    return {
        "ece": ece,
        "ece_top": ece,
        "temperature_event": Task(fit(TemperatureScaling), heat),
        "temperature": Task(fit(TemperatureScaling), heat),
        "temperature_double": Task(fit(TemperatureScaling), heat),
        "platt": Task(fit(LogisticCalibration), after),
        "beta": Task(fit(BetaCalibration), after),
        "vector": Task(fit(LogisticCalibration), after),
        "isotonic": Task(fit(IsotonicRegression), after),
        "isotonic_classes": Task(fit(IsotonicRegression), after),
    }


def torchmetrics_tasks() -> dict[str, Task]:
    """Tasks that torchmetrics has, on tensors made before the clock starts."""
    from torchmetrics.functional.classification import (
        binary_calibration_error,
        multiclass_calibration_error,
    )

    def tensors(p, y):
        return torch.from_numpy(p), torch.from_numpy(y)

    def number(value, *_):
        return {"ECE": float(value)}

    def event(p, y):
        return binary_calibration_error(p, y, n_bins=15, norm="l1")

    def classes(p, y):
        return multiclass_calibration_error(p, y, num_classes=p.shape[1], n_bins=15, norm="l1")

    return {"ece": Task(event, number, tensors), "ece_top": Task(classes, number, tensors)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    run({"netcal": netcal_tasks, "torchmetrics": torchmetrics_tasks}[sys.argv[3]]())
