"""Point values by scikit-learn, no interval: ``measures_sklearn.py PATH``."""

from __future__ import annotations

import sys

from binary_arrays import read
from clock import Clock, tell
from sklearn import metrics
from sklearn.calibration import calibration_curve


if __name__ == "__main__":
    y, p = read(sys.argv[1])
    with Clock() as clock:
        values = {
            "accuracy": metrics.accuracy_score(y, p > 0.5),
            "log_loss": metrics.log_loss(y, p),
            "brier": metrics.brier_score_loss(y, p),
            "auc": metrics.roc_auc_score(y, p),
        }
        calibration_curve(y, p, n_bins=15)  # the curve; its bins have no weights, so no ECE
    tell(clock, values={name: float(value) for name, value in values.items()})
