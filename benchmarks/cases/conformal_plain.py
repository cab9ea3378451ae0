"""The floor: each task as a few lines of NumPy without checks: ``... TASK FOLDER``."""

from __future__ import annotations

import numpy as np
from conformal_task import LEVEL, Task, of_sets, run


FREE, PENALTY = 5, 0.01
"""Classes that RAPS does not penalise, and the penalty of each more."""


def quantile(scores: np.ndarray) -> float:
    """The score of finite-sample rank."""
    rank = int(np.ceil((len(scores) + 1) * LEVEL - 1e-9))
    return np.partition(scores, rank - 1)[rank - 1]


def lac(p, y, new, _) -> np.ndarray:
    """Classes that are likely enough."""
    return new >= -quantile(-p[np.arange(len(y)), y])


def ranked(p: np.ndarray, *, penalty: float = 0.0) -> np.ndarray:
    """Mass of the classes that are at least as likely, a penalty for each beyond the free ones."""
    order = np.argsort(-p, axis=1)
    mass = np.cumsum(np.take_along_axis(p, order, axis=1), axis=1)
    mass += penalty * np.maximum(np.arange(1, p.shape[1] + 1) - FREE, 0)
    scores = np.empty_like(mass)
    np.put_along_axis(scores, order, mass, axis=1)
    return scores


def adaptive(p, y, new, _, *, penalty: float = 0.0) -> np.ndarray:
    """APS without chance; RAPS with a penalty."""
    return ranked(new, penalty=penalty) <= quantile(
        ranked(p, penalty=penalty)[np.arange(len(y)), y]
    )


def class_conditional(p, y, new, _) -> np.ndarray:
    """LAC with a threshold a class."""
    own = p[np.arange(len(y)), y]
    return new >= [-quantile(-own[y == j]) for j in range(p.shape[1])]


TASKS = {
    "lac": Task(lac, of_sets),
    "aps": Task(adaptive, of_sets),
    "raps": Task(lambda *given: adaptive(*given, penalty=PENALTY), of_sets),
    "class_conditional": Task(class_conditional, of_sets),
}


if __name__ == "__main__":
    run(TASKS)
