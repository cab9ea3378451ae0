"""Oracles: slow loops over rows, the largest level of n rows, and a hub of flu forecasts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from real_forecasts import by_cluster, flusight
from trueup.calibration import ConformalShift
from trueup.calibration.distributions.conformal_shift import conformal_quantile
from trueup.core import Evidence, FitError, Intervals, Quantiles
from trueup.worlds import forecasts


def kth(scores: list[float], level: float) -> float:
    """The ceil((n + 1) level)-th smallest."""
    return sorted(scores)[math.ceil(round((len(scores) + 1) * level, 9)) - 1]


def test_intervals_equal_a_slow_loop():
    e = forecasts("intervals", spread=0.5, bias=0.2, rows=77).evidence
    low, high, y = e.prediction.low, e.prediction.high, e.truth
    q = kth([max(lo - v, v - hi) for lo, hi, v in zip(low, high, y, strict=True)], 0.9)
    after = ConformalShift().fit(e).apply(e.prediction)
    assert after.low == pytest.approx(low - q) and after.high == pytest.approx(high + q)
    below = kth((low - y).tolist(), 0.95)
    above = kth((y - high).tolist(), 0.95)
    after = ConformalShift(symmetric=False).fit(e).apply(e.prediction)
    assert after.low == pytest.approx(low - below) and after.high == pytest.approx(high + above)
    width = high - low
    q = kth((np.maximum(low - y, y - high) / (width / (2 * ndtri(0.95)))).tolist(), 0.9)
    after = ConformalShift(scaled=True).fit(e).apply(e.prediction)
    assert after.high - high == pytest.approx(q * width / (2 * ndtri(0.95)))


def test_every_central_interval_of_quantiles_has_its_own_shift():
    e = forecasts("quantiles", spread=0.5, rows=300, seed=1).evidence
    q, y, levels = e.prediction.values, e.truth, e.prediction.levels
    after = ConformalShift().fit(e).apply(e.prediction).values
    for j in range(11):
        k = 22 - j
        move = kth(np.maximum(q[:, j] - y, y - q[:, k]).tolist(), levels[k] - levels[j])
        # Nested afterwards: an end is never inside one of a shorter interval.
        assert (after[:, j] <= q[:, j] - move + 1e-12).all()
        assert (after[:, k] >= q[:, k] + move - 1e-12).all()
    assert np.array_equal(after[:, 11], q[:, 11])
    assert (np.diff(after, axis=1) >= 0).all()


def test_levels_without_a_partner_move_alone():
    levels = np.array([0.2, 0.5, 0.9])
    e = forecasts("quantiles", rows=200, seed=2).evidence
    q = e.prediction.values[:, [5, 11, 19]]
    assert e.prediction.levels[[5, 11, 19]] == pytest.approx(levels)
    after = ConformalShift().fit(Evidence(Quantiles(levels, q), e.truth)).apply(
        Quantiles(levels, q)).values  # fmt: skip
    assert after[:, 0] == pytest.approx(q[:, 0] - kth((q[:, 0] - e.truth).tolist(), 0.8))
    assert after[:, 2] == pytest.approx(q[:, 2] + kth((e.truth - q[:, 2]).tolist(), 0.9))


def test_both_sides_of_the_median_where_nothing_else_is_said():
    e = forecasts("normal", spread=0.5, bias=0.5, rows=99, seed=3).evidence
    fitted = ConformalShift(symmetric=False, levels=(0.5,)).fit(e)
    found = fitted.apply(e.prediction).values[:, 0]
    assert found == pytest.approx(e.prediction.mean + np.median(e.truth - e.prediction.mean))


@pytest.mark.parametrize(("rows", "level"), [(9, 0.9), (19, 0.95), (99, 0.99)])
def test_the_largest_level_is_n_over_n_plus_one(rows, level):
    scores = np.arange(rows) + 0.0
    assert conformal_quantile(scores, np.ones(rows), level) == rows - 1
    with pytest.raises(
        FitError, match=rf"level {level:g} is beyond .* {rows - 1} rows can promise"
    ):
        conformal_quantile(scores[1:], np.ones(rows - 1), level)
    e = forecasts("normal", rows=rows).evidence
    with pytest.raises(FitError, match=rf"Pass {rows + 1} rows at least, or lower levels"):
        conformal_quantile(e.truth, np.ones(rows), (rows + 0.5) / (rows + 1.5))


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 4)), min_size=1, max_size=30),
       st.floats(0.05, 0.95))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_weights_are_repeats(rows, level):
    scores, counts = (np.array(v) for v in zip(*rows, strict=True))
    n = counts.sum()
    wanted = math.ceil(round((n + 1) * level, 9))
    if wanted > n:
        with pytest.raises(FitError, match="rows can promise"):
            conformal_quantile(scores, counts + 0.0, level)
        return
    assert conformal_quantile(scores, counts + 0.0, level) == np.sort(
        np.repeat(scores, counts))[wanted - 1]  # fmt: skip


def test_an_interval_that_closes_keeps_its_middle():
    wide = Intervals(np.full(30, -10.0), np.full(30, 10.0), 0.5)
    after = ConformalShift().fit(Evidence(wide, np.zeros(30))).apply(wide)
    assert after.low == pytest.approx(np.zeros(30)) and after.high == pytest.approx(np.zeros(30))


def test_rows_without_spread_are_refused_where_spread_counts():
    flat = Intervals(np.zeros(30), np.zeros(30), 0.5)
    with pytest.raises(FitError, match=r"30 of 30 rows state no spread. Pass scaled=False"):
        ConformalShift(scaled=True).fit(Evidence(flat, np.ones(30)))


def test_a_hub_holds_its_levels_in_new_states():
    """FluSight 2024-25, the ensemble: every other state teaches, the others judge."""
    e, state, _ = flusight()
    learn = np.isin(state, np.unique(state)[::2])
    new = e.take(~learn)
    after = ConformalShift().fit(e.take(learn)).apply(new.prediction)
    for low, high in ((0.25, 0.75), (0.05, 0.95), (0.025, 0.975)):
        ends = [after.values[:, np.isclose(after.levels, level)][:, 0] for level in (low, high)]
        inside = ((ends[0] <= new.truth) & (new.truth <= ends[1])).astype(float)
        share, chance = by_cluster(inside, state[~learn])
        assert abs(share - (high - low)) < 3 * chance < 0.2
