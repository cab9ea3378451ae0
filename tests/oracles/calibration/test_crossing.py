"""Oracles: a loop, and rows that touch."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.calibration import crossing
from trueup.core import Quantiles
from trueup.worlds import forecasts


def test_is_the_loop():
    values = np.random.default_rng(0).normal([0.0, 1.0, 2.0], size=(300, 3))
    want = sum(any(row[j + 1] < row[j] for j in range(2)) for row in values) / 300
    found = crossing(np.zeros(300), Quantiles([0.1, 0.5, 0.9], values))
    assert found.value == pytest.approx(want) and found.low < want < found.high


def test_rows_that_touch_do_not_cross():
    assert crossing([0.0], Quantiles([0.1, 0.5, 0.9], [[1.0, 1.0, 2.0]])).value == 0.0
    assert crossing([0.0], Quantiles([0.5], [[1.0]])).value == 0.0
    e = forecasts("quantiles", rows=100).evidence
    found = crossing(e.truth, e.prediction)
    assert found.value == 0.0 and "Wilson" in found.how
