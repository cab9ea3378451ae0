"""puncc on a task: ``conformal_puncc.py TASK FOLDER``; the model hands probabilities through."""

from __future__ import annotations

import numpy as np
from conformal_task import LEVEL, Task, of_sets, run
from deel.puncc.api.prediction import BasePredictor
from deel.puncc.classification import APS, LAC, RAPS


class Ready(BasePredictor):
    """A predictor whose inputs are its probabilities."""

    def __init__(self) -> None:
        super().__init__(None, is_trained=True)

    def fit(self, *given, **more) -> None:
        """Nothing to learn."""

    def predict(self, X, **more):
        return X

    def copy(self) -> Ready:
        return self


def sets(method, **settings) -> Task:
    """Sets of new rows, given as lists of classes."""

    def work(p, y, new, _):
        made = method(Ready(), train=False, **settings)
        made.fit(X_calib=p, y_calib=y)
        return made.predict(new, alpha=1 - LEVEL)[1]

    def judge(found, *given):
        members = np.zeros(given[2].shape, dtype=bool)
        for row, labels in enumerate(found):
            members[row, list(labels)] = True
        return of_sets(members, *given)

    return Task(work, judge)


TASKS = {
    "lac": sets(LAC),
    "aps": sets(APS, rand=False),
    "raps": sets(RAPS, k_reg=5, lambd=0.01, rand=False),
}


if __name__ == "__main__":
    run(TASKS)
