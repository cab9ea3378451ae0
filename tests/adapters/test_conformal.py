"""The regressor keeps scikit-learn's contract, and its intervals theirs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.stats import betabinom, binom
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GroupKFold, LeaveOneOut, RepeatedKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

import trueup as tu
from trueup.adapters.sklearn import ConformalRegressor
from trueup.core.errors import EvidenceError, FitError, UsageError


RATE = 1e-4
X, Y = load_diabetes(return_X_y=True)


@parametrize_with_checks([
    ConformalRegressor(Ridge()),
    ConformalRegressor(DecisionTreeRegressor(random_state=0), method="minmax"),
])  # fmt: skip
def test_scikit_learns_own_checks(estimator, check):
    """No check is excused."""
    check(estimator)


def test_equals_the_arrays():
    model = ConformalRegressor(Ridge(0.1), cv=4).fit(X[:300], Y[:300])
    said = np.column_stack([m.predict(X[300:]) for m in model.models_])
    made, hand = (
        model.predict_interval(X[300:]),
        tu.calibration.cv_plus(model.residuals_, said, fold=model.fold_),
    )
    assert np.array_equal(made.low, hand.low) and np.array_equal(made.high, hand.high)
    assert np.array_equal(model.predict(X), Ridge(0.1).fit(X[:300], Y[:300]).predict(X))
    for k, fitted in enumerate(model.models_):
        mine, rest = model.fold_ == k, model.fold_ != k
        again = Ridge(0.1).fit(X[:300][rest], Y[:300][rest])
        assert again.predict(X) == pytest.approx(fitted.predict(X))
        off = np.abs(Y[:300][mine] - again.predict(X[:300][mine]))
        assert model.residuals_[mine] == pytest.approx(off)


@pytest.mark.parametrize("method", ["plus", "minmax"])
def test_covers(method):
    """A forest on new rows of a known law: at level .9 between .87 and .95 of 2,000."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_400, 4))
    y = x[:, 0] ** 2 + x[:, 1] + rng.normal(size=2_400)
    forest = RandomForestRegressor(30, random_state=0)
    made = ConformalRegressor(forest, method=method).fit(x[:400], y[:400])
    said = made.predict_interval(x[400:])
    share = np.mean((said.low <= y[400:]) & (y[400:] <= said.high))
    assert 0.87 < share < 0.95
    wider = made.predict_interval(x[400:], level=0.99)
    assert (wider.high >= said.high).all()


def test_frozen_is_split_conformal():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12_000, 2))
    y = x.sum(axis=1) + rng.normal(size=12_000)
    frozen = FrozenEstimator(LinearRegression().fit(x[:1_000], y[:1_000]))
    model = ConformalRegressor(frozen).fit(x[1_000:2_000], y[1_000:2_000])
    said = model.predict_interval(x[2_000:])
    count = int(((said.low <= y[2_000:]) & (y[2_000:] <= said.high)).sum())
    k = int(np.ceil(0.9 * 1_001))
    law = betabinom(10_000, k, 1_001 - k)
    assert law.ppf(RATE / 2) <= count <= law.ppf(1 - RATE / 2)


def test_groups_and_splitters():
    groups = np.arange(200) // 4
    model = ConformalRegressor(Ridge()).fit(X[:200], Y[:200], groups=groups)
    assert all(len(np.unique(model.fold_[groups == g])) == 1 for g in range(50))
    named = ConformalRegressor(Ridge(), cv=GroupKFold(5)).fit(X[:200], Y[:200], groups=groups)
    assert len(named.models_) == 5
    single = ConformalRegressor(Ridge(), cv=LeaveOneOut()).fit(X[:40], Y[:40])
    assert len(single.predict_interval(X[:3])) == 3


def test_leave_one_out_holds_its_bound():
    """Jackknife+ with more columns than rows: above 1 - 2 alpha over 100 worlds."""
    hits, times = 0, 100
    for seed in range(times):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(21, 25))
        y = x[:, 0] + rng.normal(size=21)
        made = ConformalRegressor(Ridge(1e-6), cv=LeaveOneOut()).fit(x[:20], y[:20])
        said = made.predict_interval(x[20:])
        hits += bool(said.low[0] <= y[20] <= said.high[0])
    assert hits >= binom.ppf(RATE, times, 0.8)


def test_pipelines_clones_pickles_and_weights():
    pipe = make_pipeline(StandardScaler(), Ridge())
    model = ConformalRegressor(pipe).fit(X[:100], Y[:100])
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_interval(X).low, model.predict_interval(X).low)
    assert not hasattr(clone(model), "models_")
    weight = np.linspace(0.1, 1, 100)
    heavy = ConformalRegressor(Ridge()).fit(X[:100], Y[:100], sample_weight=weight)
    assert not np.array_equal(
        heavy.predict(X), ConformalRegressor(Ridge()).fit(X[:100], Y[:100]).predict(X)
    )


def test_bad_input():
    with pytest.raises(UsageError, match=r"ConformalRegressor: level is 1\.2"):
        ConformalRegressor(Ridge(), level=1.2).fit(X, Y)
    with pytest.raises(UsageError, match="method is 'naive'"):
        ConformalRegressor(Ridge(), method="naive").fit(X, Y)
    with pytest.raises(FitError, match=r"8 rows cannot reach level 0\.9; .* is 0\.8889"):
        ConformalRegressor(Ridge(), cv=4).fit(X[:8], Y[:8])
    with pytest.raises(EvidenceError, match="some rows are in two folds"):
        ConformalRegressor(Ridge(), cv=RepeatedKFold(n_splits=3, n_repeats=2)).fit(X, Y)
    with pytest.raises(EvidenceError, match="rows are in no fold"):
        ConformalRegressor(Ridge(), cv=ShuffleSplit(1, random_state=0)).fit(X, Y)
    with pytest.raises(FitError, match="cannot reach level"):
        ConformalRegressor(Ridge()).fit(X[:50], Y[:50]).predict_interval(X, level=0.99)
