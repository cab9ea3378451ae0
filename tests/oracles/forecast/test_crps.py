"""Oracles: quadrature of the definition, a slow loop over pairs, and what fair means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from trueup.core import Ensemble, EvidenceError, Normal, Quantiles
from trueup.forecast import crps


fair = replace(crps, fair=True)


@pytest.mark.parametrize(("mean", "sd", "y"), [(0.0, 1.0, 0.3), (2.0, 0.5, -1.0), (-3.0, 4.0, 9.0)])
def test_normal_is_the_integral_of_its_definition(mean, sd, y):
    low = quad(lambda x: norm.cdf(x, mean, sd) ** 2, -60, y, epsabs=1e-11)[0]
    high = quad(lambda x: norm.sf(x, mean, sd) ** 2, y, 80, epsabs=1e-11)[0]
    assert crps([y], Normal([mean], [sd])).value == pytest.approx(low + high, abs=1e-8)


@pytest.mark.parametrize(("score", "of"), [(crps, lambda m: m * m), (fair, lambda m: m * (m - 1))])
def test_ensemble_is_the_loop_over_pairs(score, of):
    rng = np.random.default_rng(0)
    x, y = rng.normal(10, 3, (40, 7)).round(1), rng.normal(10, 3, 40).round(1)
    want = []
    for members, truth in zip(x, y, strict=True):
        near = sum(abs(a - truth) for a in members) / 7
        apart = sum(abs(a - b) for a in members for b in members) / (2 * of(7))
        want.append(near - apart)
    assert score(y, Ensemble(x)).value == pytest.approx(np.mean(want), rel=1e-12)


def test_ensemble_is_the_integral_of_the_squared_step():
    """The plain score is that of the law of steps, read off a fine grid."""
    x, y = np.array([0.0, 1.0, 1.0, 4.0]), 2.5
    grid = np.linspace(-1, 5, 600_001)
    steps = (x[:, None] <= grid).mean(axis=0) - (y <= grid)
    assert crps([y], Ensemble([x])).value == pytest.approx((steps**2).mean() * 6, abs=2e-5)


def test_fair_score_does_not_depend_on_the_number_of_members():
    """Mean over 40,000 rows of members of the true law: the score of the law, 1 / sqrt(pi)."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=40_000)
    for m in (2, 5, 20):
        found = fair(y, Ensemble(rng.normal(size=(40_000, m))), level=0.9999)
        assert found.low < 1 / np.sqrt(np.pi) < found.high
        plain = crps(y, Ensemble(rng.normal(size=(40_000, m))), level=0.9999)
        assert plain.low < (1 + 1 / m) / np.sqrt(np.pi) < plain.high


def test_quantiles_at_many_even_levels_come_near_the_integral():
    levels = (np.arange(999) + 1) / 1000
    y = np.array([0.3, -2.0])
    said = Quantiles(levels, np.tile(norm.ppf(levels), (2, 1)))
    assert crps(y, said).value == pytest.approx(crps(y, Normal([0, 0], [1, 1])).value, rel=2e-3)


def test_equal_members_are_a_point():
    said = Ensemble(np.full((3, 6), 2.0))
    assert crps([2.0, 3.0, -1.0], said).value == fair([2.0, 3.0, -1.0], said).value == 4 / 3


def test_members_far_from_zero_keep_their_digits():
    x, y = np.array([[0.25, 0.5, 1.0]]), np.array([0.375])
    assert crps(y + 1e9, Ensemble(x + 1e9)).value == pytest.approx(crps(y, Ensemble(x)).value)


def test_one_member_has_no_fair_score():
    said = Ensemble([[1.0], [2.0]])
    assert crps([0.0, 2.0], said).value == 0.5
    with pytest.raises(EvidenceError, match="fair needs two members at least; got shape"):
        fair([0.0, 2.0], said)
