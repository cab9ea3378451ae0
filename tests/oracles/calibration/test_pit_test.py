"""Oracles: SciPy's chi-squared test, Hotelling's test by hand; level in series, and power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dct
from scipy.stats import binom, chisquare, f, norm

from forecast_worlds import WORLDS, series
from trueup.calibration import pit_test
from trueup.calibration.dispersion.pit_series import contrasts
from trueup.worlds import forecasts


def test_independent_rows_are_the_chi_squared_test():
    e = forecasts("normal", spread=0.95, rows=1_000).evidence
    share = norm.cdf(e.truth, e.prediction.mean, e.prediction.sd)
    want = chisquare(np.histogram(share, np.linspace(0, 1, 11))[0]).pvalue
    assert pit_test(e.truth, e.prediction).value == pytest.approx(want, rel=1e-9)


def test_ranks_are_the_chi_squared_test():
    e = forecasts("ensemble", members=7, rows=1_000).evidence
    ranks = (e.prediction.members < e.truth[:, None]).sum(axis=1)
    want = chisquare(np.bincount(ranks, minlength=8)).pvalue
    assert pit_test(e.truth, e.prediction).value == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("world", WORLDS)
def test_sees_too_little_spread_through_dependence(world):
    e = WORLDS[world]("normal", rows=4_000, seed=1, spread=0.6)
    assert pit_test(e.truth, e.prediction, cluster=e.cluster, time=e.time).value < 0.01


def test_few_rows_have_few_bins():
    e = forecasts("normal", rows=12).evidence
    assert pit_test.cube(e).table.shape[-1] == 2 and 0 < pit_test(e.truth, e.prediction).value <= 1


def test_contrasts_are_orthonormal_and_blind_to_the_number_of_rows():
    share = np.array([0.1, 0.2, 0.4, 0.25, 0.05])
    made = np.column_stack([np.sqrt(share), contrasts(share)])
    assert made.T @ made == pytest.approx(np.eye(5), abs=1e-12)
    assert contrasts(np.array([0.05, 0.9, 0.05])).shape == (3, 2)


def test_a_series_is_hotellings_test_of_legendre_contrasts():
    """By hand: histogram by block, polynomials, the cosine transform, and the F law."""
    e = series("normal", rows=4_000, seed=3, rho=0.0, spread=0.97)
    share = norm.cdf(e.truth, e.prediction.mean, e.prediction.sd)
    block, place = np.arange(4_000) // 200, np.minimum((share * 10).astype(int), 9)
    x = (np.arange(10) - 4.5) / 4.5
    each = np.linalg.qr(np.vander(x, 5, increasing=True))[0][:, 1:] * np.sqrt(10)
    each = each[place]  # (n, 4) contrasts of every row
    sums = np.array([each[block == b].sum(axis=0) for b in range(20)]) / np.sqrt(4_000)
    size, ways = np.linalg.eigh(np.cov(each.T, bias=True))
    slow = dct(sums, type=2, norm="ortho", axis=0)[1:] @ (ways / np.sqrt(size) @ ways.T)
    total = sums.sum(axis=0)
    squared = total @ np.linalg.solve(20 * slow.T @ slow / 19, total)
    want = f.sf(squared * 16 / (19 * 4), 4, 16)
    found = pit_test(e.truth, e.prediction, time=e.time)
    assert found.how == "Hotelling's T^2 of 4 contrasts of bins, 19 waves of 20 blocks of time"
    assert found.value == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize(("rows", "tables"), [(100, 250), (1_000, 250), (10_000, 60)])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_honest_series_seldom_alarm(rho, rows, tables):
    """At most 7 in 100 at a level of 5 %, be they judged or not; false-alarm rate 1e-4 at 7 %."""
    for kind in ("normal", "intervals") if rows < 10_000 else ("normal",):
        made = [series(kind, rows=rows, seed=s, rho=rho) for s in range(tables)]
        p = np.array([pit_test.estimate(pit_test.cube(e)).value for e in made])
        assert (p < 0.05).sum() <= binom.ppf(1 - 1e-4, tables, 0.07), kind


def test_a_series_that_is_worth_few_rows_is_not_judged():
    e = series("normal", rows=100, seed=1)
    found = pit_test(e.truth, e.prediction, time=e.time)
    assert np.isnan(found.value) and found.n == 100
    assert found.how.startswith("cannot be judged: a series of 100 rows that follow each other is")
    plain = pit_test(e.truth, e.prediction)
    assert plain.value >= 0 and plain.how == "chi-squared over bins"
    few = pit_test(e.truth, e.prediction, time=np.arange(100) // 50)
    assert few.how == "cannot be judged: only 2 blocks of time"


def test_an_interval_that_is_never_missed_is_judged_only_in_long_series():
    """Runs of rare truths: that none was seen in 100 rows is no wonder at .9."""
    for rows, judged in ((100, False), (4_000, True)):
        wide = series("intervals", rows=rows, seed=2, spread=3.0)
        p = pit_test(wide.truth, wide.prediction, time=wide.time).value
        assert bool(p < 1e-3) is judged and bool(np.isnan(p)) is not judged


def test_series_of_independent_rows_keep_their_power():
    """Of 200 rows with .7 of the spread 94 in 100 are seen; missed-alarm rate 1e-4 at .85."""
    tables = 100
    p = np.array([
        pit_test.estimate(pit_test.cube(series("normal", rows=200, seed=s, rho=0.0, spread=0.7)))
        .value for s in range(tables)
    ])  # fmt: skip
    assert (p < 0.05).sum() >= binom.ppf(1e-4, tables, 0.85)
