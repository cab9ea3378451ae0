"""The floor: each task as a few lines of NumPy without checks: ``... TASK FOLDER``."""

from __future__ import annotations

import numpy as np
from conformal_task import LEVEL, PERCENTILES, group_of, run


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


def split(f, y, new, _) -> np.ndarray:
    """Ends (n, 2) around the forecast."""
    q = quantile(np.abs(y - f))
    return np.column_stack([new - q, new + q])


def split_groups(f, y, new, _) -> np.ndarray:
    """The same with a margin a group."""
    group, off = group_of(f), np.abs(y - f)
    q = np.array([quantile(off[group == g]) for g in range(group.max() + 1)])[group_of(new)]
    return np.column_stack([new - q, new + q])


def cv_plus(f, y, new, _) -> np.ndarray:
    """CV+ of a line through the origin, by bisection over sorted residuals of five folds."""
    fold = np.arange(len(y)) % 5
    slopes = [f[fold != k] @ y[fold != k] / (f[fold != k] @ f[fold != k]) for k in range(5)]
    lists = [np.sort(np.abs(y - slopes[k] * f)[fold == k]) for k in range(5)]
    rank = int(np.ceil((len(y) + 1) * LEVEL - 1e-9))
    ends = []
    for sign in (-1, 1):
        models = sign * np.outer(new, slopes)
        low = models.min(axis=1) - 1
        high = models.max(axis=1) + max(each[-1] for each in lists) + 1
        for _step in range(50):
            middle = (low + high) / 2
            count = sum(np.searchsorted(lists[k], middle - models[:, k], "right") for k in range(5))
            low, high = np.where(count < rank, middle, low), np.where(count < rank, high, middle)
        ends.append(sign * high)
    return np.column_stack(ends)


def cps(f, y, new, _) -> np.ndarray:
    """Quantiles (n, 5): the forecast plus ranked residuals."""
    ranked, n = np.sort(y - f), len(y) + 1
    place = [int(np.ceil(p / 100 * n - 1e-9) if p >= 50 else p / 100 * n) - 1 for p in PERCENTILES]
    return new[:, None] + ranked[place]


def cps_crps(f, y, new, truth) -> np.ndarray:
    """CRPS (n,) of the law of residuals around the forecast."""
    r, z, n = np.sort(y - f), truth - new, len(y)
    k, sums = np.searchsorted(r, z), np.append(0, np.cumsum(np.sort(y - f)))
    among = (2 * np.arange(1, n + 1) - n - 1) @ r / n**2
    return (z * (2 * k - n) - 2 * sums[k] + sums[-1]) / n - among


TASKS = {
    "lac": lac,
    "aps": adaptive,
    "raps": lambda *given: adaptive(*given, penalty=PENALTY),
    "class_conditional": class_conditional,
    "split": split,
    "split_groups": split_groups,
    "cv_plus": cv_plus,
    "cv_plus_large": cv_plus,
    "cps": cps,
    "cps_crps": cps_crps,
}


if __name__ == "__main__":
    run(TASKS)
