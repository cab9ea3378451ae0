"""Conformal predictive systems against loops, SciPy, the uniform law of the PIT, and SQL."""

from __future__ import annotations

from itertools import pairwise

import duckdb
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, kstest

from trueup.calibration import ConformalDistribution, predictive_system
from trueup.core import Evidence
from trueup.core.errors import EvidenceError, FitError, UsageError
from trueup.core.forms import columns_of
from trueup.core.laws import median_of, sd_of
from trueup.core.predictions import Points
from trueup.worlds import forecasts


RATE = 1e-4
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


@pytest.mark.parametrize("kind", ["points", "normal", "quantiles", "intervals"])
def test_quantiles_equal_a_loop(kind):
    world = forecasts(kind, spread=0.5, bias=0.4, rows=90, seed=2).evidence
    learn, new = world.take(slice(0, 69)), world.take(slice(69, None))
    made = ConformalDistribution(LEVELS).fit(learn).apply(new.prediction)

    def unit(prediction):
        return np.ones(len(prediction)) if kind == "points" else sd_of(prediction)

    ranked = sorted((learn.truth - median_of(learn.prediction)) / unit(learn.prediction))
    for j, level in enumerate(LEVELS):
        k = np.floor(level * 70 + 1e-9) if level < 0.5 else np.ceil(level * 70 - 1e-9)
        hand = median_of(new.prediction) + unit(new.prediction) * ranked[int(k) - 1]
        assert made.values[:, j] == pytest.approx(hand, rel=1e-12)


def test_every_quantile_follows_its_beta_law():
    """P(Y <= quantile) given the rows of the fit is Beta(k, n + 1 - k): 4,000 fits on n = 39."""
    n, found = 39, []
    rng = np.random.default_rng(0)
    settings = ConformalDistribution(LEVELS)
    for truth in rng.random((4_000, n)):
        evidence = Evidence(Points(np.zeros(n)), truth)
        found.append(settings.learn_from(evidence, np.ones(n))[0].steps[0])
    for level, share in zip(LEVELS, np.array(found).T, strict=True):
        k = np.floor(level * 40 + 1e-9) if level < 0.5 else np.ceil(level * 40 - 1e-9)
        assert kstest(share, beta(k, n + 1 - k).cdf).pvalue > RATE


@pytest.mark.parametrize("score", ["residual", "scaled"])
def test_pit_is_uniform(score):
    """One new row a fit, 2,000 fits on n = 7: exactly uniform, ties or none."""
    for ties in (False, True):
        found = []
        for seed in range(2_000):
            e = forecasts("normal", spread=0.3, bias=2.0, rows=8, seed=seed).evidence
            if ties:
                e = Evidence(Points(np.zeros(8)), np.round(e.truth))
            elif score == "residual":
                e = Evidence(e.prediction, e.truth)
            name = "residual" if ties else score
            system = predictive_system(e.take(slice(0, 7)), score=name)
            found.append(system.pit(e.prediction.take([7]), e.truth[7:], seed=seed)[0])
        assert kstest(found, "uniform").pvalue > RATE


def test_crps_is_the_integral():
    world = forecasts("normal", spread=0.5, bias=0.4, rows=30, seed=2).evidence
    learn, new = world.take(slice(0, 20)), world.take(slice(20, None))
    system = predictive_system(learn)
    made = system.crps(new.prediction, new.truth)
    for mean, sd, y, crps in zip(
        new.prediction.mean, new.prediction.sd, new.truth, made, strict=True
    ):
        atoms = mean + sd * system.residuals
        pairs = np.abs(atoms[:, None] - atoms).mean() / 2
        assert crps == pytest.approx(np.abs(atoms - y).mean() - pairs, rel=1e-10)
        points = sorted([*atoms, y])
        steps = [
            quad(lambda t, y=y, atoms=atoms: ((atoms <= t).mean() - (y <= t)) ** 2, a, b)[0]
            for a, b in pairwise(points)
        ]
        assert crps == pytest.approx(sum(steps), rel=1e-7)


def test_cdf_bounds_the_empirical_law():
    e = Evidence(Points(np.zeros(4)), [1.0, 2.0, 2.0, 5.0])
    low, high = predictive_system(e).cdf(Points([0.0, 10.0]), np.array([2.0, 9.0]))
    assert low == pytest.approx([1 / 5, 0]) and high == pytest.approx([4 / 5, 1 / 5])


def test_groups_and_sql():
    world = forecasts("normal", rows=300, spread=0.5).evidence
    group = np.where(np.arange(300) % 3, "a", "b")
    e = Evidence(world.prediction, world.truth, by={"g": group})
    fitted = ConformalDistribution(LEVELS, per="g").fit(e)
    for name in "ab":
        mine = np.flatnonzero(group == name)
        alone = ConformalDistribution(LEVELS).fit(world.take(mine))
        assert np.allclose(alone.apply(world.prediction).values[mine],
                           fitted.apply(world.prediction, g=group).values[mine])  # fmt: skip
    columns = columns_of(world.prediction)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (i INTEGER, g VARCHAR, mean DOUBLE, sd DOUBLE)")
        rows = [[i, group[i], *row] for i, row in enumerate(columns.tolist())]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        query = fitted.sql("FROM t ORDER BY i", ["mean", "sd"], event=False)
        got = np.array(connection.execute(query).fetchall())[:, 2:]
    assert got == pytest.approx(fitted.apply(world.prediction, g=group).values, abs=1e-12)


def test_bad_input():
    e = Evidence(Points(np.zeros(9)), np.arange(9.0))
    with pytest.raises(FitError, match=r"9 rows cannot reach level 0\.95; .* is 0\.9"):
        ConformalDistribution().fit(e)
    with pytest.raises(UsageError, match="level is 1"):
        ConformalDistribution((0.5, 1.0))
    with pytest.raises(UsageError, match=r"levels are \(0\.5, 0\.1\)"):
        ConformalDistribution((0.5, 0.1))
    with pytest.raises(UsageError, match="score is 'cqr'"):
        ConformalDistribution(score="cqr")
    with pytest.raises(FitError, match="made of points, asked for normal"):
        predictive_system(e).crps(forecasts("normal", rows=2).evidence.prediction, np.zeros(2))
    with pytest.raises(EvidenceError, match="lengths differ: 2 and 3"):
        predictive_system(e).crps(Points([0.0, 1.0]), np.zeros(3))
    with pytest.raises(FitError, match="0 rows of kind 'points'"):
        predictive_system(e.take([]))
