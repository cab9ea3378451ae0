"""CV+, jackknife+ and that after bootstrap against sorts of every number, and coverage."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from trueup.calibration import bootstrap_plus, cv_plus, jackknife_plus
from trueup.calibration.conformal.shifted import shifted_rank
from trueup.core.errors import EvidenceError, FitError, UsageError


RATE = 1e-4
"""False-alarm rate of each statistical test here."""


def by_hand(residuals, predictions, fold, level):
    """Ends (m, 2): all numbers of a row sorted, ranks as in the paper, floor and ceiling."""
    n, made = len(residuals), []
    for row in predictions:
        below = sorted(row[k] - r for k, r in zip(fold, residuals, strict=True))
        above = sorted(row[k] + r for k, r in zip(fold, residuals, strict=True))
        low = below[int(np.floor(round((1 - level) * (n + 1), 9))) - 1]
        high = above[int(np.ceil(round(level * (n + 1), 9))) - 1]
        made.append((low, high) if low <= high else ((low + high) / 2,) * 2)
    return np.array(made)


@pytest.mark.parametrize("k", [2, 5, 20, 90])
@pytest.mark.parametrize("apart", [0.0, 0.1, 10.0])
@pytest.mark.parametrize("ties", [False, True])
def test_equals_a_loop(k, apart, ties):
    rng = np.random.default_rng(k)
    residuals = np.abs(rng.normal(size=300))
    fold = np.concatenate([np.arange(k), rng.integers(0, k, 300 - k)])
    predictions = rng.normal(size=(40, 1)) + apart * rng.normal(size=(40, k))
    if ties:
        residuals, predictions = np.round(2 * residuals), np.round(predictions)
    for level in (0.5, 0.8, 0.9, 300 / 301):
        made = cv_plus(residuals, predictions, fold=fold, level=level)
        hand = by_hand(residuals, predictions, fold, level)
        assert np.column_stack([made.low, made.high]) == pytest.approx(hand, rel=1e-12, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), min_size=1, max_size=5),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-9, 1.0, 1e6]),
)
def test_any_rank_of_any_lists(lists, share, seed, scale):
    arrays = [np.array(x) for x in lists]
    shifts = scale * np.random.default_rng(seed).normal(size=(7, len(arrays)))
    every = np.sort(np.hstack([x + s[:, None] for x, s in zip(arrays, shifts.T, strict=True)]))
    rank = 1 + int(share * (every.shape[1] - 1))
    found = shifted_rank(arrays, shifts, rank=rank)
    assert found == pytest.approx(every[:, rank - 1], rel=1e-12, abs=1e-8 * max(scale, 1e-3))


def test_leave_one_out_is_a_row_of_it():
    rng = np.random.default_rng(0)
    residuals, predictions = np.abs(rng.normal(size=50)), rng.normal(size=(8, 50))
    made = jackknife_plus(residuals, predictions)
    hand = by_hand(residuals, predictions, np.arange(50), 0.9)
    assert np.column_stack([made.low, made.high]) == pytest.approx(hand)
    wide = jackknife_plus(residuals, predictions, minmax=True)
    reach = np.sort(residuals)[int(np.ceil(0.9 * 51)) - 1]
    assert wide.low == pytest.approx(predictions.min(axis=1) - reach)
    assert (wide.low <= made.low).all() and (made.high <= wide.high).all()


def test_bags_equal_a_loop():
    rng = np.random.default_rng(1)
    left_out = rng.random((60, 25)) < 0.37
    truth, known, new = rng.normal(size=60), rng.normal(size=(60, 25)), rng.normal(size=(9, 25))
    made = bootstrap_plus(truth, known, left_out=left_out, predictions=new, level=0.8)
    loo = np.array([[row[out].mean() for out in left_out] for row in new])
    residuals = [abs(y - x[o].mean()) for y, x, o in zip(truth, known, left_out, strict=True)]
    hand = by_hand(np.array(residuals), loo, np.arange(60), 0.8)
    assert np.column_stack([made.low, made.high]) == pytest.approx(hand)


def folds_of_least_squares(X, y, new, k, penalty=1e-8):
    """(absolute out-of-fold residuals, fold, predictions of the new rows) of ridge regressions."""
    fold = np.arange(len(y)) % k
    residuals, models = np.empty(len(y)), []
    for j in range(k):
        learn = fold != j
        gram = X[learn].T @ X[learn] + penalty * np.eye(X.shape[1])
        beta = np.linalg.solve(gram, X[learn].T @ y[learn])
        residuals[~learn] = np.abs(y[~learn] - X[~learn] @ beta)
        models.append(new @ beta)
    return residuals, fold, np.column_stack(models)


def hits(make, times: int, **options) -> int:
    """How often the interval of one new row holds it, each time from new rows to learn from."""
    found = 0
    for seed in range(times):
        X, y = make(np.random.default_rng(seed))
        parts = folds_of_least_squares(X[:-1], y[:-1], X[-1:], options.get("k", 10))
        made = cv_plus(parts[0], parts[2], fold=parts[1], minmax=options.get("minmax", False))
        found += bool(made.low[0] <= y[-1] <= made.high[0])
    return found


def stable(rng):
    X = rng.normal(size=(101, 3))
    return X, X.sum(axis=1) + rng.normal(size=101)


def as_many_columns_as_rows(rng):
    """The world of the paper where plain jackknife falls to nothing: d near n."""
    X = rng.normal(size=(41, 40))
    return X, X[:, 0] + rng.normal(size=41)


def test_coverage():
    """1 - alpha in a stable world (.895 to .92), always above 1 - 2 alpha; minmax above .9."""
    times = 2_000
    assert binom.ppf(RATE, times, 0.895) <= hits(stable, times) <= binom.ppf(1 - RATE, times, 0.92)
    assert hits(as_many_columns_as_rows, times) >= binom.ppf(RATE, times, 0.8)
    assert hits(as_many_columns_as_rows, times, minmax=True) >= binom.ppf(RATE, times, 0.9)


def test_two_hundred_thousand_squared():
    """4e10 numbers, in seconds and less than 1 GiB."""
    rng = np.random.default_rng(0)
    n = 200_000
    residuals, fold = np.abs(rng.normal(size=n)), np.arange(n) % 5
    predictions = rng.normal(size=(n, 1)) + 0.05 * rng.normal(size=(n, 5))
    tracemalloc.start()
    made = cv_plus(residuals, predictions, fold=fold)
    assert tracemalloc.get_traced_memory()[1] < 2**28
    tracemalloc.stop()
    some = rng.integers(0, n, 5)
    every = np.sort(predictions[some][:, fold] + residuals, axis=1)
    assert made.high[some] == pytest.approx(every[:, int(np.ceil(0.9 * (n + 1))) - 1], rel=1e-14)


def test_bad_input():
    r, p, f = np.ones(20), np.zeros((3, 2)), np.arange(20) % 2
    with pytest.raises(UsageError, match=r"cv_plus: level is 1\.5"):
        cv_plus(r, p, fold=f, level=1.5)
    with pytest.raises(FitError, match=r"20 rows cannot reach level 0\.99; .* is 0\.9524"):
        cv_plus(r, p, fold=f, level=0.99)
    with pytest.raises(EvidenceError, match="NaN or infinite"):
        cv_plus(np.full(20, np.nan), p, fold=f)
    with pytest.raises(EvidenceError, match=r"the least residual is -1\.0"):
        cv_plus(-r, p, fold=f)
    with pytest.raises(EvidenceError, match=r"fold is int64 \(19,\) for 20 residuals"):
        cv_plus(r, p, fold=f[1:])
    with pytest.raises(EvidenceError, match="folds 0 to 1 for predictions of 1 models"):
        cv_plus(r, p[:, :1], fold=f)
    with pytest.raises(EvidenceError, match=r"no residual is in fold \[2\]"):
        cv_plus(r, np.zeros((3, 3)), fold=f)
    one = np.append(np.zeros(19, int), 1)
    assert cv_plus(r, p, fold=one).high == pytest.approx(1.0)
    bags = np.zeros((20, 2), dtype=bool)
    with pytest.raises(EvidenceError, match="20 of 20 rows are in every bag"):
        bootstrap_plus(r, np.zeros((20, 2)), left_out=bags, predictions=p)
    with pytest.raises(EvidenceError, match=r"known \(19, 2\)"):
        bootstrap_plus(r, np.zeros((19, 2)), left_out=bags, predictions=p)
    assert len(cv_plus(r, np.zeros((0, 2)), fold=f)) == 0
