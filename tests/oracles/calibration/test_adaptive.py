"""Adaptive intervals against a scalar loop, the bound of the paper for any sequence, and drift."""

from __future__ import annotations

import csv
import gzip
import math

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from shared_data import shared
from trueup.calibration import AdaptiveConformal, ConformalIntervals
from trueup.core import Evidence
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.predictions import Points


RATE = 1e-4


def by_hand(y, level, gamma, window):
    """Ends (t, 2) of one series with forecast 0: the formulas of the paper, number by number."""
    alpha, scores, made = 1 - level, [], []
    for truth in y:
        known = sorted(scores[-window:])
        rank = math.ceil(round((1 - alpha) * (len(known) + 1), 9))
        if rank > len(known):
            reach = math.inf
        else:
            reach = known[rank - 1] if rank >= 1 else -1.0
        missed = abs(truth) > reach
        made.append((-max(reach, 0), max(reach, 0)))
        alpha += gamma * (1 - level - missed)
        scores.append(abs(truth))
    return np.array(made)


@pytest.mark.parametrize(
    ("level", "gamma", "window"), [(0.9, 0.01, 50), (0.7, 0.3, 7), (0.95, 1e-3, 999)]
)
def test_equals_a_loop(level, gamma, window):
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(300, 3)) * np.exp(np.cumsum(0.1 * rng.normal(size=(300, 3)), axis=0))
    made = AdaptiveConformal(level, gamma, window).run(np.zeros((300, 3)), truth)
    for s in range(3):
        hand = by_hand(truth[:, s], level, gamma, window)
        assert np.column_stack([made.low[:, s], made.high[:, s]]) == pytest.approx(hand, rel=1e-12)
    alone = AdaptiveConformal(level, gamma, window).run(np.zeros(300), truth[:, 1])
    assert np.array_equal(alone.high, made.high[:, 1])


def misses_of(settings_, play, steps):
    """Share of steps that count as missed, where ``play`` sees the reach before it moves."""
    state, missed = settings_.start(), 0
    for t in range(steps):
        step = state.intervals(0.0)
        truth = play(t, step.reach[0, 0])
        missed += abs(truth) > step.reach[0, 0]
        state.update(step, truth)
    return missed / steps


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([0.5, 0.8, 0.9, 0.99]),
    st.sampled_from([0.005, 0.05, 0.5, 2.0]),
    st.sampled_from(["always out", "always in", "chance", "bursts", "grows"]),
    st.integers(1, 400),
)
def test_the_bound_holds_for_any_sequence(level, gamma, how, steps):
    """Gibbs & Candes 2021, proposition 4.1: against players who see the interval, too."""
    rng = np.random.default_rng(steps)
    plays = {
        "always out": lambda t, reach: 0.1 if reach < 0 else min(reach + 1, 1e300),
        "always in": lambda t, reach: 0.0,
        "chance": lambda t, reach: rng.normal(),
        "bursts": lambda t, reach: rng.normal() * (100 if (t // 30) % 2 else 1),
        "grows": lambda t, reach: 1.1**t,
    }
    made = AdaptiveConformal(level, gamma, window=50)
    share = misses_of(made, plays[how], steps)
    assert abs(share - (1 - level)) <= made.bound(steps) + 1e-9


def drifting(steps=6_000, seed=0):
    """A spread that jumps, trends and swings."""
    rng, t = np.random.default_rng(seed), np.arange(steps)
    spread = np.where(t < steps // 3, 1.0, 3.0) * np.exp(np.sin(t / 150)) * (1 + t / steps)
    return spread * rng.normal(size=steps)


def test_drift_is_followed():
    """Fixed margins fall far below .9 in the drifting part; adaptive ones stay, in every tenth."""
    y, n = drifting(), 1_000
    fixed = ConformalIntervals(level=0.9).fit(Evidence(Points(np.zeros(n)), y[:n]))
    reach = fixed.map.margin.high
    assert np.mean(np.abs(y[n:]) <= reach) < 0.7
    made = AdaptiveConformal(level=0.9, rate=0.03, window=200).run(np.zeros(len(y)), y)
    assert abs(made.inside[n:].mean() - 0.9) < 0.01
    for part in np.array_split(made.inside[n:], 10):
        assert 0.84 < part.mean() < 0.95
    assert made.coverage.low <= 0.9 <= made.coverage.high


def test_quiet_worlds_cost_little():
    """Where nothing moves: width of the true quantiles within 5 %, and exact coverage."""
    y = np.random.default_rng(3).normal(size=6_000)
    made = AdaptiveConformal(level=0.9, rate=0.005, window=1_000).run(np.zeros(6_000), y)
    assert made.high[1_000:].mean() == pytest.approx(1.6449, rel=0.05)
    count = int(made.inside[1_000:].sum())
    assert binom.ppf(RATE / 2, 5_000, 0.9) <= count <= binom.ppf(1 - RATE / 2, 5_000, 0.9)


def slow_experts(numbers, truth, level):
    """Mixes (t,) of (t, k) numbers by Bernstein online aggregation, one number at a time."""
    k = numbers.shape[1]
    eta, biggest, square, loss, mixes = [0.0] * k, [0.0] * k, [0.0] * k, [0.0] * k, []
    for row, y in zip(numbers, truth, strict=True):
        if all(e == 0 for e in eta):
            weights = [1 / k] * k
        else:
            rates = [e if e > 0 else max(eta) for e in eta]
            raw = [e * math.exp(-e * x) for e, x in zip(rates, loss, strict=True)]
            weights = [w / sum(raw) for w in raw]
        mix = sum(w * x for w, x in zip(weights, row, strict=True))
        mixes.append(mix)
        slope = (1 - level) if y < mix else -level
        for j, x in enumerate(row):
            r = slope * (x - mix)
            if r != 0:
                biggest[j] = max(biggest[j], 2 * 2 ** (math.floor(math.log2(abs(r))) + 1))
            loss[j] += (r * (1 + eta[j] * r) + (biggest[j] if eta[j] * r > 0.5 else 0)) / 2
            square[j] += r * r
            if biggest[j] > 0:
                eta[j] = min(1 / biggest[j], math.sqrt(math.log(k) / square[j]))
    return np.array(mixes)


def test_experts_equal_a_loop_and_follow_the_best():
    from trueup.calibration.conformal.experts import Experts

    rng = np.random.default_rng(4)
    truth = rng.normal(size=(500, 2))
    numbers = np.stack([np.full((500, 2), c) for c in (-1.0, 0.5, 1.2816, 3.0)], axis=1)
    numbers += 0.01 * rng.normal(size=numbers.shape)
    experts, mixes = Experts(4, 2, 0.9), []
    for row, y in zip(numbers, truth, strict=True):
        mixes.append(experts.mix(row))
        experts.learn(row, mixes[-1], y)
    for s in range(2):
        hand = slow_experts(numbers[:, :, s], truth[:, s], 0.9)
        assert np.array(mixes)[:, s] == pytest.approx(hand, rel=1e-9)
    assert (experts.weights.argmax(axis=0) == 2).all()

    def loss(x):
        return np.mean(np.where(truth < x, 0.1 * (x - truth), 0.9 * (truth - x)))

    best = min(loss(numbers[:, j]) for j in range(4))
    assert loss(np.array(mixes)) < 1.1 * best


def test_several_rates_beat_the_best_of_them():
    """AgACI on a drifting world: pinball loss of its upper end below that of each of its rates.

    Compared on the same finite ends: a large rate alone gives infinite ones now and then.
    """
    y, rates = drifting(seed=2), (0.002, 0.01, 0.05, 0.2)
    state, losses = AdaptiveConformal(0.9, rates, 200).start(), []
    inside = np.zeros(len(y), dtype=bool)
    for t, truth in enumerate(y):
        step = state.intervals(0.0)
        ends = np.append(step.reach[:, 0].clip(0), step.high[0])
        losses.append(np.where(truth < ends, 0.05 * (ends - truth), 0.95 * (truth - ends)))
        inside[t] = step.low[0] <= truth <= step.high[0]
        state.update(step, truth)
    *own, mixed = np.array(losses)[200:].mean(axis=0)
    assert mixed < min(own)
    assert abs(inside[500:].mean() - 0.9) < 0.02


def test_two_scores_a_series_pool():
    """Two residuals reach 2 / 3; of twenty series together 40 reach 40 / 41."""
    scores = np.abs(np.random.default_rng(0).normal(size=(2, 20)))
    alone = AdaptiveConformal(0.9).start(20, scores=scores).intervals(np.zeros(20))
    assert np.isinf(alone.high).all()
    together = AdaptiveConformal(0.9, pooled=True).start(20, scores=scores).intervals(np.zeros(20))
    assert together.high == pytest.approx(np.sort(scores.ravel())[int(np.ceil(0.9 * 41)) - 1])


def test_truths_may_come_late_or_never():
    """Steps ahead: every truth goes back with the step that it belongs to."""
    state = AdaptiveConformal(0.5, 0.1).start(2, scores=np.ones((10, 2)))
    first, second = state.intervals([0.0, 0.0]), state.intervals([5.0, 5.0])
    state.update(second, [5.5, np.nan])
    assert state.alpha[0] == pytest.approx([0.55, 0.5])
    state.update(first, [9.0, 9.0])
    assert state.alpha[0] == pytest.approx([0.50, 0.45])


def test_real_hours():
    """M4 hourly, seasonal naive one day ahead: 414 series, each as long as it is."""
    path = shared("forecast", "m4", "Dataset", "Train", "Hourly-train.csv.gz")
    with gzip.open(path, "rt") as file:
        rows = [[float(x) for x in row[1:] if x] for row in list(csv.reader(file))[1:]]
    longest = max(map(len, rows))
    y = np.full((longest, len(rows)), np.nan)
    for s, row in enumerate(rows):
        y[: len(row), s] = row
    forecast, truth = np.nan_to_num(y[:-24]), y[24:]
    made = AdaptiveConformal(0.9, 0.02, window=168).run(forecast, truth)
    share = (made.inside & made.known).sum() / made.known.sum()
    per_series = [made.inside[made.known[:, s], s].mean() for s in range(len(rows))]
    bound = AdaptiveConformal(0.9, 0.02).bound(int(made.known.sum(axis=0).min()))
    assert abs(share - 0.9) < 0.01
    assert max(abs(c - 0.9) for c in per_series) <= bound


def test_real_prices():
    """Prices of Nord Pool: margins of the first quarter keep 81 %, adaptive ones 90 %."""
    path = shared("forecasts", "electricity_price_a", "NP.parquet")
    query = f'SELECT "Real price" AS y, "DNN Ensemble" AS f FROM \'{path}\''
    table = duckdb.sql(query).fetchnumpy()
    y, f, start = np.asarray(table["y"]), np.asarray(table["f"]), 91 * 24
    hour = np.arange(len(y)) % 24
    evidence = Evidence(Points(f), y, by={"hour": hour})
    fixed = ConformalIntervals(level=0.9, per="hour").fit(evidence.take(slice(0, start)))
    made = fixed.correct(evidence.take(slice(start, None)))
    assert np.mean((made.low <= y[start:]) & (y[start:] <= made.high)) < 0.82
    days = AdaptiveConformal(0.9, 0.02, window=91).run(f.reshape(-1, 24), y.reshape(-1, 24))
    assert abs(days.inside[91:].mean() - 0.9) < 0.01


def test_bad_input():
    for level in (0, 1, np.nan):
        with pytest.raises(UsageError, match="AdaptiveConformal: level is"):
            AdaptiveConformal(level)
    with pytest.raises(UsageError, match="rate is 0, window 500"):
        AdaptiveConformal(rate=0)
    with pytest.raises(UsageError, match=r"rate is \(\)"):
        AdaptiveConformal(rate=())
    with pytest.raises(UsageError, match="several rates have none"):
        AdaptiveConformal(rate=(0.1, 0.2)).bound(10)
    with pytest.raises(EvidenceError, match=r"forecast \(3,\), truth \(4,\)"):
        AdaptiveConformal().run(np.zeros(3), np.zeros(4))
    with pytest.raises(EvidenceError, match="a forecast is not finite"):
        AdaptiveConformal().run(np.array([np.nan]), np.zeros(1))
    with pytest.raises(EvidenceError, match="or a scale not positive"):
        AdaptiveConformal().run(np.zeros(1), np.zeros(1), scale=np.zeros(1))
    with pytest.raises(EvidenceError, match=r"got shape \(3,\) for 2 series"):
        AdaptiveConformal().start(2).intervals(np.zeros(3))
    with pytest.raises(EvidenceError, match=r"scores have shape \(3, 1\) for 2 series"):
        AdaptiveConformal().start(2, scores=np.zeros(3))
    with pytest.raises(UsageError, match="series is 0"):
        AdaptiveConformal().start(0)
    assert AdaptiveConformal().run(np.zeros(5), np.zeros(5)).coverage.n == 5
