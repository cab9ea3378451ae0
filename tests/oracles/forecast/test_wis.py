"""Oracles: the definition of hubs, interval by interval; and what makes it least."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core import Quantiles
from trueup.forecast import crps, pinball, wis
from trueup.worlds import forecasts


def by_intervals(levels, values, y) -> float:
    """``(w_0 |y - m| + sum_k w_k IS_k) / (K + 1/2)`` of one row, in a loop."""
    pairs, total = len(levels) // 2, 0.5 * abs(y - values[len(levels) // 2])
    for k in range(pairs):
        alpha = 2 * levels[k]
        low, high = values[k], values[-1 - k]
        score = high - low + 2 / alpha * max(low - y, 0) + 2 / alpha * max(y - high, 0)
        total += alpha / 2 * score
    return total / (pairs + 0.5)


def test_is_the_definition_of_hubs():
    e = forecasts("quantiles", spread=0.7, bias=0.4, rows=200).evidence
    levels, values = e.prediction.levels, e.prediction.values
    want = [by_intervals(levels, v, y) for v, y in zip(values, e.truth, strict=True)]
    found = wis(e.truth, e.prediction)
    assert found.value == pytest.approx(np.mean(want), rel=1e-12)
    assert crps(e.truth, e.prediction).value == found.value
    assert 2 * pinball(e.truth, e.prediction).value == pytest.approx(found.value, rel=1e-14)


def test_the_paper_example_of_a_median_and_one_interval():
    """Bracher et al., equation 1 with K = 1: a truth inside, one above."""
    said = Quantiles([0.1, 0.5, 0.9], [[1.0, 2.0, 5.0]] * 2)
    inside = (0.5 * 1 + 0.1 * 4) / 1.5
    above = (0.5 * 5 + 0.1 * (4 + 2 / 0.2 * 2)) / 1.5
    assert wis([3.0, 7.0], said).value == pytest.approx((inside + above) / 2, rel=1e-12)


def test_of_a_median_alone_it_is_the_absolute_error():
    assert wis([3.0, -1.0], Quantiles([0.5], [[1.0], [1.0]])).value == 2.0


def test_the_true_law_scores_best():
    scores = {
        (spread, bias): wis(e.truth, e.prediction).value
        for spread, bias in [(1.0, 0.0), (0.6, 0.0), (1.6, 0.0), (1.0, 0.4)]
        for e in [forecasts("quantiles", spread=spread, bias=bias).evidence]
    }
    assert min(scores, key=scores.get) == (1.0, 0.0)


def test_sorting_crossed_quantiles_never_scores_worse():
    rng = np.random.default_rng(0)
    levels, values, y = [0.1, 0.3, 0.5, 0.9], rng.normal(size=(500, 4)), rng.normal(size=500)
    crossed = wis(y, Quantiles(levels, values)).value
    assert wis(y, Quantiles(levels, np.sort(values, axis=1))).value <= crossed
