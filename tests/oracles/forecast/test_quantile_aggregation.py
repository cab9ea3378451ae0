"""Aggregation of quantiles: a linear programme, finite differences, and known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import approx_fprime, isotonic_regression, linprog

from trueup.core import EvidenceError, FitError, UsageError
from trueup.core.monotone import rising
from trueup.core.predictions import Quantiles
from trueup.forecast import QuantileAggregation, QuantilePanel
from trueup.forecast.aggregation.pinball import PinballCourse
from trueup.worlds import forecasts


LEVELS = np.array([0.1, 0.3, 0.5, 0.9])


def pinball(truth, values, levels) -> np.ndarray:
    """Mean pinball loss (n,) of every row, as its definition says."""
    off = truth[:, None] - values
    return np.maximum(levels * off, (levels - 1) * off).mean(axis=1)


def three(rows: int = 400, *, seed: int = 0):
    """Three models of one truth - one honest, one too wide, one biased - and the truth."""
    worlds = [
        forecasts("quantiles", spread=s, bias=b, rows=rows, seed=seed)
        for s, b in ((1.0, 0.0), (3.0, 0.0), (1.0, 2.0))
    ]
    made = {name: w.evidence.prediction for name, w in zip("abc", worlds, strict=True)}
    return QuantilePanel.of(made), worlds[0].evidence.truth


def by_programme(panel: QuantilePanel, truth) -> float:
    """Least mean pinball loss over one weight a model, by linear programming."""
    n, m, q = panel.values.shape
    cost = np.concatenate([np.zeros(m), np.tile(panel.levels, n), np.tile(1 - panel.levels, n)])
    cost[m:] /= n * q
    eye = np.eye(n * q)
    mixing = panel.values.transpose(0, 2, 1).reshape(n * q, m)
    equal = np.vstack([np.hstack([mixing, eye, -eye]), np.r_[np.ones(m), np.zeros(2 * n * q)]])
    found = linprog(cost, A_eq=equal, b_eq=np.r_[np.repeat(truth, q), 1.0], method="highs")
    return found.fun


def test_the_loss_is_that_of_a_linear_programme():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=60)
    values = np.sort(rng.normal(size=(60, 3, 4)) + 0.5 * truth[:, None, None], axis=2)
    panel = QuantilePanel(LEVELS, values)
    fitted = QuantileAggregation(shrink=0.0, monotone="").fit(panel, truth)
    loss = pinball(truth, fitted.apply(panel).values, LEVELS).mean()
    best = by_programme(panel, truth)
    assert best <= loss + 1e-12
    assert loss == pytest.approx(best, rel=2e-4)


@pytest.mark.parametrize("by_level", [False, True])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("features", [1, 3])
def test_gradient_equals_finite_differences(by_level, missing, features):
    rng = np.random.default_rng(5)
    values = rng.normal(size=(40, 3, 4))
    if missing:
        values[:10, 1] = np.nan
    phi = np.ones((1, 1)) if features == 1 else rng.normal(size=(40, features))
    weight = rng.random(40)
    panel, truth = QuantilePanel(LEVELS, values), rng.normal(size=40)
    course = PinballCourse.of(panel, truth, weight, phi, by_level=by_level, pulls=(0.7, 0.1))
    at = rng.normal(size=course.shape).ravel()
    numeric = approx_fprime(at, lambda x: course(x)[0], 1e-7)
    assert course(at)[1] == pytest.approx(numeric, abs=2e-6)


@pytest.mark.parametrize("weights", ["model", "level"])
def test_the_honest_model_gets_the_weight(weights):
    panel, truth = three(4_000)
    fitted = QuantileAggregation(weights=weights).fit(panel, truth)
    # By level others say the same as the honest one here and there: the median of the wide one.
    assert fitted.converged and (weights == "level" or fitted.weights()[0].min() > 0.7)
    assert fitted.weights().sum(axis=0) == pytest.approx(np.ones(23))
    new, later = three(4_000, seed=1)
    losses = [pinball(later, f.values, new.levels).mean() for f in (new.mean(), new.median())]
    found = pinball(later, fitted.apply(new).values, new.levels).mean()
    honest = pinball(later, new.values[:, 0], new.levels).mean()
    assert found < min(losses) and found < 1.01 * honest


def test_features_say_which_model_to_trust():
    good, truth = three(6_000)
    flag = np.random.default_rng(1).integers(0, 2, 6_000).astype(float)
    first, second = good.values[:, 0].copy(), good.values[:, 1].copy()
    swapped = np.where(flag[:, None] > 0, first, second), np.where(flag[:, None] > 0, second, first)
    panel = QuantilePanel(good.levels, np.stack(swapped, axis=1))
    fitted = QuantileAggregation().fit(panel, truth, features=flag)
    weight = fitted.weights(features=[0.0, 1.0])[:, 0, 0]
    assert weight[0] < 0.1 and weight[1] > 0.9
    with pytest.raises(FitError, match="features were given to only one of fit and apply"):
        fitted.apply(panel)


def test_a_model_that_is_silent_is_left_out():
    panel, truth = three(1_000)
    values = panel.values.copy()
    values[:500, 2] = np.nan
    silent = QuantilePanel(panel.levels, values, panel.names)
    fitted = QuantileAggregation().fit(silent, truth)
    w = fitted.weights()[:, 0]
    made = fitted.apply(silent).values
    want = (w[0] * values[:500, 0] + w[1] * values[:500, 1]) / (w[0] + w[1])
    assert made[:500] == pytest.approx(want, rel=1e-9, abs=1e-12)


def test_weights_of_cases_count_them():
    panel, truth = three(200)
    counts = np.random.default_rng(0).integers(0, 3, 200)
    again = np.repeat(np.arange(200), counts)
    a = QuantileAggregation().fit(panel, truth, weight=counts).logits
    b = QuantileAggregation().fit(panel.take(again), truth[again]).logits
    assert a == pytest.approx(b, abs=1e-3)


def test_a_penalty_keeps_quantiles_from_crossing():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=150)
    panel = QuantilePanel(LEVELS, rng.normal(size=(150, 4, 4)) + LEVELS)

    def depth(penalty: float) -> float:
        made = QuantileAggregation(weights="level", penalty=penalty, monotone="", shrink=0.0)
        values = made.fit(panel, truth).apply(panel).values
        return float(np.maximum(-np.diff(values, axis=1), 0).mean())

    assert depth(20.0) < depth(1.0) < depth(0.0)


@settings(max_examples=200, deadline=None)
@given(
    values=arrays(np.float64, (5, 6), elements=st.floats(-1e3, 1e3)),
    truth=arrays(np.float64, (5,), elements=st.floats(-1e3, 1e3)),
    how=st.sampled_from(["sort", "isotonic"]),
)
def test_putting_in_order_never_raises_the_loss(values, truth, how):
    levels = np.linspace(0.05, 0.95, 6)
    made = rising(values, how=how)
    assert (np.diff(made, axis=1) >= -1e-9).all()
    before, after = pinball(truth, values, levels), pinball(truth, made, levels)
    assert (after <= before + 1e-9 * (1 + np.abs(before))).all()


def test_isotonic_is_the_projection():
    values = np.random.default_rng(0).normal(size=(50, 9))
    want = [isotonic_regression(row).x for row in values]
    assert rising(values, how="isotonic") == pytest.approx(np.array(want), abs=1e-12)


def test_misuse_is_explained():
    panel, truth = three(50)
    with pytest.raises(UsageError, match="weights is 'all'"):
        QuantileAggregation(weights="all")
    with pytest.raises(UsageError, match=r"penalty is -1\.0"):
        QuantileAggregation(penalty=-1.0)
    with pytest.raises(UsageError, match="how is 'up'"):
        rising(np.ones((1, 2)), how="up")
    with pytest.raises(FitError, match="50 cases and 3 truths"):
        QuantileAggregation().fit(panel, truth[:3])
    fitted = QuantileAggregation().fit(panel, truth)
    with pytest.raises(FitError, match=r"asked to combine \['b', 'a', 'c'\]"):
        fitted.apply(panel.only(["b", "a", "c"]))
    holes = panel.values.copy()
    holes[3, 0, 0] = np.nan
    with pytest.raises(EvidenceError, match="some levels of a model are missing: 1 of 50 rows"):
        QuantilePanel(panel.levels, holes)
    holes[3] = np.nan
    with pytest.raises(EvidenceError, match="no model says anything: 1 of 50 rows"):
        QuantilePanel(panel.levels, holes)
    with pytest.raises(EvidenceError, match="2 different lengths or sets of levels"):
        QuantilePanel.of({"a": panel.model("a"), "b": Quantiles([0.5], [[1.0]])})
    with pytest.raises(EvidenceError, match="2 names of 3 models"):
        QuantilePanel(panel.levels, panel.values, ("a", "b"))
    with pytest.raises(EvidenceError, match="do not fit values of shape"):
        QuantilePanel([0.9, 0.1], panel.values)
