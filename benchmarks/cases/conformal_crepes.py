"""crepes on a task: ``conformal_crepes.py TASK FOLDER``. It makes a p-value a class and row."""

from __future__ import annotations

import numpy as np
from conformal_task import LEVEL, Task, of_sets, run
from crepes import ConformalClassifier
from crepes.extras import hinge


def lac(p, y, new, _):
    """Sets (n, k): one minus the probability is the score."""
    made = ConformalClassifier().fit(hinge(p, np.arange(p.shape[1]), y))
    return made.predict_set(hinge(new), confidence=LEVEL, smoothing=False)


TASKS = {"lac": Task(lac, of_sets)}


if __name__ == "__main__":
    run(TASKS)
