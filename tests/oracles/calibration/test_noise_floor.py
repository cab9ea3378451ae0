"""Oracles: the exact mean of a binomial's absolute error, a loop, and dependence."""

import numpy as np
import pytest
from scipy import stats

from trueup.calibration import ece, noise_floor
from trueup.core import Grid
from trueup.worlds import clustered, confident_by_factor


def test_one_score_against_the_exact_mean_of_the_binomial():
    n, p = 400, 0.3
    k = np.arange(n + 1)
    exact = (stats.binom.pmf(k, n, p) * np.abs(k / n - p)).sum()
    found = noise_floor(np.zeros(n, int), np.full(n, p))
    assert found.value == pytest.approx(exact, rel=2e-3)
    assert found.how == "from the scores" and np.isnan(found.low)


def test_equals_a_loop_over_bins():
    e = confident_by_factor(2.0, rows=1_000, seed=1).evidence
    p, w = e.prediction.probs[:, 1], np.random.default_rng(0).exponential(size=1_000)
    grid = Grid()
    part = grid.equal_width(15)[grid(p)]
    spread = sum(np.sqrt((w**2 * p * (1 - p))[part == b].sum()) for b in range(15))
    want = np.sqrt(2 / np.pi) * spread / w.sum()
    assert noise_floor(e.truth, p, weight=w).value == pytest.approx(want, rel=1e-4)


def test_outcomes_of_independent_rows_do_not_matter():
    p = np.random.default_rng(0).random(500)
    assert noise_floor(np.zeros(500, int), p).value == noise_floor(np.ones(500, int), p).value


def test_dependent_rows_have_a_higher_floor_which_their_ece_meets():
    ratio = []
    for seed in range(60):
        e = clustered(3_000, factor=1.0, icc=0.5, mean_size=30, seed=seed).evidence
        floor = noise_floor(e.truth, e.prediction, cluster=e.cluster).value
        ratio.append((ece(e.truth, e.prediction).value / floor, floor))
        plain = noise_floor(e.truth, e.prediction).value
    assert np.mean(ratio, axis=0)[0] == pytest.approx(1.0, abs=0.08)
    assert np.mean(ratio, axis=0)[1] > 1.15 * plain
