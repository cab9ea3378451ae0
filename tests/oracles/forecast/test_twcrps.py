"""Oracles: quadrature of the definition, both sides together, and the loop over pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from trueup.core import Ensemble, Normal, UsageError
from trueup.forecast import ThresholdWeightedCRPS, crps, twcrps
from trueup.worlds import forecasts


KINDS = ("normal", "ensemble", "quantiles")


@pytest.mark.parametrize("threshold", [-1.0, 0.7, 2.5])
@pytest.mark.parametrize("y", [-2.0, 0.5, 3.0])
@pytest.mark.parametrize("above", [True, False])
def test_normal_is_the_integral_of_its_definition(threshold, y, above):
    mean, sd = 0.4, 1.3
    low, high = (threshold, 30.0) if above else (-30.0, threshold)

    def gap(x: float) -> float:
        return (norm.cdf(x, mean, sd) - (y <= x)) ** 2

    inside = [y] if low < y < high else None
    want = quad(gap, low, high, points=inside, epsabs=1e-10, limit=200)[0]
    score = ThresholdWeightedCRPS(threshold=threshold, above=above)
    assert score([y], Normal([mean], [sd])).value == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_add_up_to_the_crps(kind):
    e = forecasts(kind, spread=0.8, bias=0.3, rows=500).evidence
    sides = [ThresholdWeightedCRPS(threshold=0.5, above=above) for above in (True, False)]
    both = sum(score(e.truth, e.prediction).value for score in sides)
    want = crps(e.truth, e.prediction).value
    # Moving both sides apart and together again splits no pair: |a - b| is the sum of its parts.
    assert both == pytest.approx(want, rel=1e-10)
    assert twcrps(e.truth, e.prediction).value == want


def test_ensemble_is_the_loop_over_moved_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6)), rng.normal(size=50)
    want = 0.0
    for members, truth in zip(np.maximum(x, 0.2), np.maximum(y, 0.2), strict=True):
        near = sum(abs(a - truth) for a in members) / 6
        want += near - sum(abs(a - b) for a in members for b in members) / 72
    found = ThresholdWeightedCRPS(threshold=0.2)(y, Ensemble(x)).value
    assert found == pytest.approx(want / 50, rel=1e-12)


def test_an_endless_threshold_is_refused():
    with pytest.raises(UsageError, match="twcrps: threshold is inf"):
        ThresholdWeightedCRPS(threshold=float("inf"))
