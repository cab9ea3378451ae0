"""Oracles: a slow loop, pinball losses of both ends, and the levels of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from trueup.core import EvidenceError, Intervals, Points, UsageError
from trueup.forecast import interval_score
from trueup.forecast.scores.interval_score import IntervalScore
from trueup.worlds import forecasts


def test_is_the_loop_and_the_scaled_pinball_losses():
    rng = np.random.default_rng(0)
    low = rng.normal(-1, 1, 200)
    high, y = low + rng.exponential(2, 200), rng.normal(size=200)
    want = 0.0
    for a, b, t in zip(low, high, y, strict=True):
        want += b - a + (10 * (a - t) if t < a else 10 * (t - b) if t > b else 0)
    found = interval_score(y, Intervals(low, high, 0.8)).value
    assert found == pytest.approx(want / 200, rel=1e-12)
    ends = mean_pinball_loss(y, low, alpha=0.1) + mean_pinball_loss(y, high, alpha=0.9)
    assert found == pytest.approx(2 / 0.2 * ends, rel=1e-12)


def test_kinds_that_say_the_same_score_the_same():
    made = {k: forecasts(k, spread=0.8).evidence for k in ("normal", "quantiles", "intervals")}
    scores = [interval_score(e.truth, e.prediction).value for e in made.values()]
    assert scores == pytest.approx([scores[0]] * 3, rel=1e-12)


def test_levels_that_are_not_stated_are_refused():
    e = forecasts("quantiles", rows=20).evidence
    with pytest.raises(
        EvidenceError, match=r"at level 0.92: it needs the quantiles at 0.04 and 0.9"
    ):
        IntervalScore(0.92)(e.truth, e.prediction)
    with pytest.raises(EvidenceError, match=r"at level 0.5: these are stated at 0.9"):
        IntervalScore(0.5)([1.0], Intervals([0.0], [1.0], 0.9))
    with pytest.raises(UsageError, match="interval_score: nominal is 90"):
        IntervalScore(90)([1.0], Intervals([0.0], [1.0], 0.9))
    with pytest.raises(EvidenceError, match="the prediction is of kind 'points'"):
        interval_score([1.0], Points([1.0]))
