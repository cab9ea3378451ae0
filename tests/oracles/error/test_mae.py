"""Oracles: scikit-learn, and what it is least for."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

from trueup.core import Points
from trueup.error import mae


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(weighted):
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=500), rng.normal(0.3, 1, 500)
    w = rng.exponential(size=500) if weighted else None
    want = mean_absolute_error(y, p, sample_weight=w)
    assert mae(y, Points(p), weight=w).value == pytest.approx(want, rel=1e-12)
    assert mae([1.0, 2.0], [1.5, 4.0]).value == 1.25


def test_is_least_for_the_median():
    y = np.random.default_rng(1).exponential(size=2_001)
    at = {c: mae(y, np.full(2_001, c)).value for c in (np.median(y), y.mean(), 0.5, 0.9)}
    assert min(at, key=at.get) == np.median(y)
