"""Oracles: a slow loop by the papers' formulas, Student's test, and the rate of false alarms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, t, ttest_1samp

from trueup.core import Normal, Points, UsageError
from trueup.error import mae
from trueup.forecast import crps, diebold_mariano
from trueup.worlds import forecasts


def by_hand(d, h: int) -> tuple[float, float]:
    """Statistic and p-value, term by term."""
    n, mean = len(d), sum(d) / len(d)
    gamma = [sum((d[i] - mean) * (d[i - k] - mean) for i in range(k, n)) / n for k in range(h)]
    dm = mean / math.sqrt((gamma[0] + 2 * sum(gamma[1:])) / n)
    dm *= math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    return dm, 2 * t.sf(abs(dm), n - 1)


def two(seed: int, *, n: int, h: int) -> tuple[np.ndarray, Points, Points]:
    """A truth and two equally good forecasts, with errors dependent over h - 1 steps."""
    rng = np.random.default_rng(seed)
    e = np.stack([np.convolve(rng.normal(size=n + h - 1), np.ones(h), "valid") for _ in range(2)])
    return np.zeros(n), Points(e[0]), Points(e[1])


@pytest.mark.parametrize("h", [1, 2, 5])
def test_is_the_loop(h):
    y, a, b = two(1, n=60, h=h)
    found = diebold_mariano(y, a, against=b, horizon=h)
    want = by_hand((np.abs(a.values) - np.abs(b.values)).tolist(), h)
    assert (found.statistic, found.p_value) == pytest.approx(want, rel=1e-10)
    assert found.difference.excludes(0) == (found.p_value < 0.05)


def test_one_step_ahead_it_is_the_test_of_student():
    y, a, b = two(2, n=40, h=1)
    found = diebold_mariano(y, a, against=b, score=lambda said, y: (said.values - y) ** 2)
    want = ttest_1samp(a.values**2 - b.values**2, 0.0)
    assert (found.statistic, found.p_value) == pytest.approx((want.statistic, want.pvalue))
    low, high = want.confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))


@pytest.mark.parametrize(("h", "n"), [(1, 30), (3, 60), (6, 200)])
def test_holds_its_false_alarm_rate(h, n):
    """2,000 pairs of equally good forecasts: at most 6.5 % at the 5 % level, rate 1e-4."""
    worlds = 2_000
    alarms = 0
    for seed in range(worlds):
        y, a, b = two(seed, n=n, h=h)
        alarms += diebold_mariano(y, a, against=b, horizon=h).p_value < 0.05
    assert alarms <= binom.ppf(1 - 1e-4, worlds, 0.065)
    assert alarms >= binom.ppf(1e-4, worlds, 0.03)


def test_rows_of_one_time_count_as_one():
    e = forecasts("normal", rows=400).evidence
    other = Normal(e.prediction.mean, 2 * e.prediction.sd)
    when = np.repeat(np.arange(40), 10)
    shuffled = np.random.default_rng(0).permutation(400)
    d = crps.of_blocks(e)["crps"] - crps.of_blocks(type(e)(other, e.truth))["crps"]
    found = diebold_mariano(
        e.truth[shuffled],
        e.prediction.take(shuffled),
        against=other.take(shuffled),
        time=when[shuffled],
        horizon=2,
    )
    want = by_hand(d.reshape(40, 10).mean(axis=1).tolist(), 2)
    assert (found.statistic, found.p_value) == pytest.approx(want, rel=1e-10)


def test_a_negative_variance_is_made_anew():
    d = np.array([1.0, -1.0] * 10) + 0.01
    found = diebold_mariano(
        np.zeros(20), Points(d + 2), against=Points(np.full(20, 2.0)), horizon=2
    )
    assert "Bartlett" in found.difference.how and np.isfinite(found.p_value)


def test_nothing_to_compare_is_no_number():
    y, a, _ = two(0, n=20, h=1)
    same = diebold_mariano(y, a, against=a)
    assert same.difference.value == 0 and math.isnan(same.p_value)
    one = diebold_mariano(y[:1], a.take([0]), against=a.take([0]))
    assert one.difference.how == "no interval: too few times" and math.isnan(one.p_value)


def test_misuse_is_refused():
    y, a, b = two(0, n=20, h=1)
    with pytest.raises(UsageError, match="horizon is 20 for 20 times"):
        diebold_mariano(y, a, against=b, horizon=20)
    with pytest.raises(UsageError, match="'mae' has no score of every row"):
        diebold_mariano(y, a, against=b, score=mae)
