"""scikit-learn on a task: ``calibration_sklearn.py TASK FOLDER``.

It offers its calibrators on top of a classifier; here are the parts that do the fit, given log-odds
of an event and probabilities of classes.
"""

from __future__ import annotations

import numpy as np
from calibration_task import Task, log_loss, run
from sklearn.calibration import _SigmoidCalibration, _TemperatureScaling, calibration_curve
from sklearn.isotonic import IsotonicRegression


def odds(p):
    """Log-odds."""
    return np.log(p) - np.log1p(-p)


def curve(p, y, *_) -> dict[str, float]:
    """It has no ECE, and its curve no weights to make one from."""
    return {}


def isotonic(p, y):
    """Isotonic regression."""
    return IsotonicRegression(out_of_bounds="clip").fit(p, y)


def heat(fitted, *_) -> dict[str, float]:
    """The temperature."""
    return {"T": 1 / float(fitted.beta_)}


TASKS = {
    "ece": Task(lambda p, y: calibration_curve(y, p, n_bins=15), curve),
    "temperature_event": Task(lambda p, y: _TemperatureScaling().fit(odds(p), y), heat),
    "temperature": Task(lambda p, y: _TemperatureScaling().fit(p, y), heat),
    "temperature_double": Task(lambda p, y: _TemperatureScaling().fit(p, y), heat),
    "platt": Task(
        lambda p, y: _SigmoidCalibration().fit(odds(p), y),
        lambda fitted, p, y: {"log loss": log_loss(fitted.predict(odds(p)), y)},
    ),
    "isotonic": Task(isotonic, lambda fitted, p, y: {"log loss": log_loss(fitted.predict(p), y)}),
}


if __name__ == "__main__":
    run(TASKS)
