"""One interval by SciPy's bootstrap: ``measures_bootstrap.py PATH RESAMPLES accuracy|auc``."""

from __future__ import annotations

import sys

import numpy as np
from binary_arrays import read
from clock import Clock, tell
from scipy.stats import bootstrap


def accuracy(correct: np.ndarray, axis: int = -1) -> np.ndarray:
    """Share of rows that are right."""
    return correct.mean(axis=axis)


def auc(y: np.ndarray, p: np.ndarray) -> float:
    """Area under the ROC curve by scikit-learn."""
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(y, p)


def interval(path: str, resamples: int, statistic: str):
    """The clock and the percentile interval."""
    y, p = read(path)
    options = {"n_resamples": resamples, "method": "percentile", "rng": np.random.default_rng(0)}
    correct = ((p > 0.5) == y).astype(np.int8)
    with Clock() as clock:
        if statistic == "accuracy":
            found = bootstrap((correct,), accuracy, batch=10, vectorized=True, **options)
        else:
            found = bootstrap((y, p), auc, paired=True, vectorized=False, batch=1, **options)
    return clock, found.confidence_interval


if __name__ == "__main__":
    clock, found = interval(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    tell(clock, intervals={sys.argv[3]: [float(found.low), float(found.high)]})
