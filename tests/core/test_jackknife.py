"""Error bars: closed forms of the jackknife and of Wilson, and where each is used."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trueup.calibration import accuracy, brier, log_loss
from trueup.core import Evidence, Probabilities
from trueup.core.jackknife import Replicates, interval, t_p_value, t_quantile, wilson
from trueup.worlds import clustered


def mean(sums):
    return sums[:, 0] / sums[:, 1]


def test_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(0).normal(size=50)
    made = Replicates.of(np.column_stack([x, np.ones(50)]), mean, sizes=np.ones(50))
    assert made.value == pytest.approx(x.mean()) and made.freedom == pytest.approx(49)
    assert made.variance == pytest.approx(x.var(ddof=1) / 50)
    low, high, how = interval(made, level=0.9)
    assert (low, high) == pytest.approx(stats.t.interval(0.9, 49, x.mean(), stats.sem(x)))
    assert how == "delete-a-group jackknife, t(49)"


def test_clusters_agree_with_the_clustered_standard_error():
    """The sum of squared cluster sums, corrected by C / (C - 1), with t(C - 1)."""
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(40), 25)
    y = (rng.random(1000) < np.repeat(rng.random(40), 25)).astype(int)
    e = Evidence(Probabilities(np.full(1000, 0.9)), y, cluster=cluster)
    found = accuracy.estimate(accuracy.cube(e))
    sums = np.bincount(cluster, y - y.mean())
    se = math.sqrt((sums**2).sum() * 40 / 39) / 1000
    half = stats.t.ppf(0.975, 39) * se
    # A few keys meet in one group, which leaves fewer groups and larger ones.
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)


def test_unequal_groups_count_for_fewer():
    made = Replicates(0.0, np.zeros(4), np.array([97.0, 1.0, 1.0, 1.0]))
    assert made.freedom == pytest.approx(100**2 / (97**2 + 3) - 1)


@pytest.mark.parametrize("groups", [0, 1])
def test_too_few_groups_have_no_interval(groups):
    sums = np.ones((3, 2))
    made = Replicates.of(sums, mean, sizes=np.array([1.0] * groups + [0.0] * (3 - groups)))
    low, high, how = interval(made, level=0.95)
    assert math.isnan(low) and math.isnan(high) and "too few groups" in how
    assert math.isnan(made.value) is (groups == 0)


def test_empty_groups_do_not_count():
    x = np.array([[1.0, 1], [0, 0], [3.0, 1]])
    made = Replicates.of(x, mean, sizes=np.array([1.0, 0.0, 1.0]))
    assert made.without.tolist() == [3.0, 1.0] and made.value == 2.0


@given(st.integers(0, 200), st.integers(1, 200), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_equals_scipy(hits, n, level):
    hits = min(hits, n)
    low, high, how = wilson(hits / n, n, level=level)
    want = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    assert (low, high) == pytest.approx((want.low, want.high), abs=1e-12)
    assert how == f"Wilson, {n} effective rows"


def test_wilson_without_rows():
    low, high, how = wilson(0.5, 0, level=0.95)
    assert math.isnan(low) and math.isnan(high) and how == "no interval: no rows"


def test_few_errors_turn_to_wilson():
    """The jackknife of a share covers 0.33 with .4 expected errors; Wilson .93."""
    for errors, wilsons in ((0, True), (14, True), (15, False)):
        y = np.zeros(1000, int)
        y[:errors] = 1
        found = accuracy(y, np.full(1000, 0.1))
        assert ("Wilson" in found.how) is wilsons, errors
    none = accuracy(np.zeros(200, int), np.full(200, 0.1))
    assert (none.value, none.high) == (1.0, 1.0) and none.low == pytest.approx(0.98115, abs=1e-4)


def test_wilson_counts_effective_rows():
    weight = np.r_[np.full(100, 10.0), np.full(900, 1.0)]
    y = np.zeros(1000, int)
    y[0] = 1
    heavy = accuracy(y, np.full(1000, 0.1), weight=weight)
    kish = weight.sum() ** 2 / (weight**2).sum()
    assert heavy.how == f"Wilson, {kish:.0f} effective rows"
    cluster = np.arange(1000) // 100  # ten patients; all errors in one of them
    y = np.zeros(1000, int)
    y[:10] = 1
    torn = accuracy(y, np.full(1000, 0.1), cluster=cluster)
    plain = accuracy(y, np.full(1000, 0.1))
    assert torn.high - torn.low > 1.5 * (plain.high - plain.low)


def test_ignoring_clusters_is_visibly_too_narrow():
    e = clustered(4_000, icc=0.3, mean_size=20, seed=3).evidence
    width = {}
    for name, made in (("rows", Evidence(e.prediction, e.truth)), ("clusters", e)):
        found = log_loss.estimate(log_loss.cube(made))
        width[name] = found.high - found.low
    assert width["clusters"] > 1.4 * width["rows"]


def test_paired_difference_is_narrower_than_two_intervals():
    e = clustered(3_000, icc=0.0, seed=1).evidence
    odds = np.log(e.prediction.probs[:, 1] / e.prediction.probs[:, 0]) / 1.2
    after = Evidence(Probabilities(1 / (1 + np.exp(-odds))), e.truth, cluster=e.cluster)
    cubes = brier.cube(e), brier.cube(after)
    paired = brier.difference(*cubes)
    alone = [brier.estimate(cube) for cube in cubes]
    unpaired = math.hypot(*(x.high - x.low for x in alone))
    assert (paired.high - paired.low) < 0.5 * unpaired
    assert paired.value == pytest.approx(alone[1].value - alone[0].value)


def test_student_numbers():
    assert t_quantile(0.95, 10) == pytest.approx(stats.t.ppf(0.975, 10))
    assert t_p_value(2.0, 1.0, df=10) == pytest.approx(2 * stats.t.sf(2.0, 10))
    assert t_p_value(0.0, 1.0, df=10) == 1.0
    assert t_p_value(1.0, 0.0, df=10) == 0.0
    assert math.isnan(t_p_value(0.0, 0.0, df=10)) and math.isnan(t_p_value(1.0, math.nan, df=3))
