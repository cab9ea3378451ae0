"""crepes on a task: ``conformal_crepes.py TASK FOLDER``. It makes a p-value a class and row."""

from __future__ import annotations

import numpy as np
from conformal_task import LEVEL, PERCENTILES, group_of, run
from crepes import ConformalClassifier, ConformalPredictiveSystem, ConformalRegressor
from crepes.extras import hinge


def lac(p, y, new, _):
    """Sets (n, k): one minus the probability is the score."""
    made = ConformalClassifier().fit(hinge(p, np.arange(p.shape[1]), y))
    return made.predict_set(hinge(new), confidence=LEVEL, smoothing=False)


def split(f, y, new, _):
    """Ends (n, 2)."""
    return ConformalRegressor().fit(y - f).predict_int(new, confidence=LEVEL)


def split_groups(f, y, new, _):
    """Ends (n, 2) with a margin a group."""
    made = ConformalRegressor().fit(y - f, bins=group_of(f))
    return made.predict_int(new, bins=group_of(new), confidence=LEVEL)


def cps(f, y, new, _):
    """Quantiles (n, 5): lower ones rounded downwards, upper ones upwards."""
    made = ConformalPredictiveSystem().fit(y - f)
    low = [p for p in PERCENTILES if p < 50]
    return made.predict_percentiles(
        new, lower_percentiles=low, higher_percentiles=list(PERCENTILES[len(low) :])
    )


def cps_crps(f, y, new, truth):
    """Its CRPS is a mean over rows already."""
    made = ConformalPredictiveSystem().fit(y - f)
    return made.evaluate(new, truth, metrics=["CRPS"])["CRPS"]


TASKS = {
    "lac": lac,
    "split": split,
    "split_groups": split_groups,
    "cps": cps,
    "cps_crps": cps_crps,
}


if __name__ == "__main__":
    run(TASKS)
