"""crepes on a task: ``conformal_crepes.py TASK FOLDER``. It makes a p-value a class and row."""

from __future__ import annotations

import numpy as np
from conformal_task import LEVEL, Task, of_sets, run
from crepes import ConformalClassifier
from crepes.extras import hinge


def lac(p, y, new, _, *, by_class: bool = False):
    """Sets (n, k): one minus the probability is the score."""
    classes = np.arange(p.shape[1])
    scores, bins = hinge(p, classes, y), y if by_class else None
    made = ConformalClassifier().fit(scores, bins)
    asked = np.tile(classes, (len(new), 1)) if by_class else None
    return made.predict_set(hinge(new), asked, confidence=LEVEL, smoothing=False)


TASKS = {
    "lac": Task(lac, of_sets),
    "class_conditional": Task(lambda *given: lac(*given, by_class=True), of_sets),
}


if __name__ == "__main__":
    run(TASKS)
