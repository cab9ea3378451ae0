"""Full conformal ridge against a refit for every value of a grid, its exact law, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from trueup.calibration import ridge_intervals
from trueup.core.errors import EvidenceError, FitError, UsageError


RATE = 1e-4


def in_the_set(X, y, x, value, ridge, level) -> bool:
    """Definition: refit with the value, and rank its residual among all."""
    rows, truth = np.vstack([X, x]), np.append(y, value)
    gram = rows.T @ rows + ridge * np.eye(rows.shape[1])
    off = np.abs(truth - rows @ np.linalg.solve(gram, rows.T @ truth))
    p = np.mean(off >= off[-1] - 1e-12)
    return p > 1 - level + 1e-12


@pytest.mark.parametrize("ridge", [0.0, 3.0])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_equals_a_refit_for_every_value(ridge, level):
    rng = np.random.default_rng(7)
    X = np.column_stack([np.ones(23), rng.normal(size=(23, 3))])
    y, new = X @ [1.0, 2, 0, -1] + rng.normal(size=23), rng.normal(size=(6, 4))
    made = ridge_intervals(X, y, new=new, ridge=ridge, level=level)
    for x, low, high in zip(new, made.low, made.high, strict=True):
        wide = high - low
        values = np.linspace(low - wide, high + wide, 401)
        inside = np.array([in_the_set(X, y, x, v, ridge, level) for v in values])
        assert np.array_equal(inside, (values >= low) & (values <= high))


def test_far_rows_are_never_narrow():
    """Leverage above 1: the set may be torn; the interval holds all of it."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 2))
    y, new = X.sum(axis=1) + rng.normal(size=40), np.array([[9.0, -7.0], [12.0, 12.0]])
    made = ridge_intervals(X, y, new=new, level=0.7)
    for x, low, high in zip(new, made.low, made.high, strict=True):
        values = np.linspace(low - 20, high + 20, 300)
        inside = np.array([in_the_set(X, y, x, v, 0.0, 0.7) for v in values])
        assert ((values >= low) & (values <= high) | ~inside).all()


def test_coverage_is_exact():
    """P(inside) = ceil(level (n + 1)) / (n + 1) for a law without ties: 4,000 worlds of n = 19."""
    times, hits = 4_000, 0
    for seed in range(times):
        rng = np.random.default_rng(seed)
        X = np.column_stack([np.ones(20), rng.normal(size=(20, 4))])
        y = X[:, 1] ** 3 + rng.standard_t(2, size=20)
        made = ridge_intervals(X[:-1], y[:-1], new=X[-1:], ridge=5.0, level=0.9)
        hits += bool(made.low[0] <= y[-1] <= made.high[0])
    assert binom.ppf(RATE / 2, times, 0.9) <= hits <= binom.ppf(1 - RATE / 2, times, 0.905)


def test_bad_input():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), rng.normal(size=30)
    with pytest.raises(FitError, match=r"30 rows cannot reach level 0\.99"):
        ridge_intervals(X, y, new=X, level=0.99)
    with pytest.raises(FitError, match="do not pin the coefficients down"):
        ridge_intervals(np.hstack([X, X]), y, new=np.hstack([X, X]))
    with pytest.raises(UsageError, match=r"ridge -1, X \(30, 2\), new \(30, 2\)"):
        ridge_intervals(X, y, new=X, ridge=-1)
    with pytest.raises(EvidenceError, match="lengths differ: 30 and 29"):
        ridge_intervals(X, y[1:], new=X)
    with pytest.raises(EvidenceError, match="the interval of row 0 of 'new' has no end"):
        ridge_intervals(X, y, new=np.array([[1e9, 1e9]]))
    with pytest.raises(UsageError, match="level is nan"):
        ridge_intervals(X, y, new=X, level=np.nan)
