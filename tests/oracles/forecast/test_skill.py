"""Oracles: the ratio of means, a bootstrap of pairs, and how often the interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from trueup.core import EvidenceError, Normal, Points
from trueup.error import mae, rmse
from trueup.forecast import crps, skill
from trueup.worlds import forecasts


def test_is_one_minus_the_ratio_of_means():
    e = forecasts("normal", spread=0.8, rows=500).evidence
    other = Normal(e.prediction.mean + 0.5, 2 * e.prediction.sd)
    w = np.linspace(0.5, 2, 500)
    a, b = (crps(e.truth, said, weight=w).value for said in (e.prediction, other))
    found = skill(e.truth, e.prediction, against=other, weight=w)
    assert found.value == pytest.approx(1 - a / b, rel=1e-12) and "paired" in found.how
    assert skill(e.truth, other, against=other).value == 0.0


def test_interval_is_that_of_a_bootstrap_of_pairs():
    e = forecasts("normal", rows=1_000, seed=3).evidence
    other = Normal(e.prediction.mean + 1, e.prediction.sd)
    a, b = (crps.of_blocks(type(e)(p, e.truth))["crps"] for p in (e.prediction, other))
    rng = np.random.default_rng(0)
    drawn = rng.integers(1_000, size=(4_000, 1_000))
    sd = (a[drawn].mean(axis=1) / b[drawn].mean(axis=1)).std()
    found = skill(e.truth, e.prediction, against=other)
    assert (found.high - found.low) / 2 == pytest.approx(1.98 * sd, rel=0.15)


def test_interval_holds_the_truth():
    """False-alarm rate 1e-4 where coverage is 93 %; the true ratio by folded normal laws."""
    tables, hits = 200, 0
    true = 1 - np.sqrt(2 / np.pi) / np.sqrt(2 * 5 / np.pi)  # N(0, 1) beside N(0, 1 + 4)
    for seed in range(tables):
        rng = np.random.default_rng(seed)
        y, noise = rng.normal(size=(2, 600))
        found = skill(y, Points(np.zeros(600)), against=Points(2 * noise), score=mae)
        hits += found.low <= true <= found.high
    assert hits >= binom.ppf(1e-4, tables, 0.93)


def test_any_measure_can_be_the_score():
    e = forecasts("points", rows=300).evidence
    other = Points(np.zeros(300))
    found = skill(e.truth, e.prediction, against=other, score=rmse)
    a, b = (rmse(e.truth, said).value for said in (e.prediction, other))
    assert found.value == pytest.approx(1 - a / b, rel=1e-12)
    with pytest.raises(EvidenceError, match="skill: there is no usual score of kind 'points'"):
        skill(e.truth, e.prediction, against=other)
