"""Oracles: scikit-learn, and the scale on which the interval is made."""

import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error

from trueup.core import Points
from trueup.error import rmse


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(weighted):
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=500), rng.normal(0.3, 1, 500)
    w = rng.exponential(size=500) if weighted else None
    want = root_mean_squared_error(y, p, sample_weight=w)
    assert rmse(y, Points(p), weight=w).value == pytest.approx(want, rel=1e-12)
    assert rmse([1.0, 2.0], [4.0, 6.0]).value == pytest.approx(12.5**0.5)


def test_interval_is_mapped_from_the_mean_square():
    rng = np.random.default_rng(2)
    found = rmse(np.zeros(400), Points(rng.normal(0, 2, 400)))
    assert 0 < found.low < found.value < found.high
    assert found.value**2 - found.low**2 == pytest.approx(found.high**2 - found.value**2)


def test_a_perfect_prediction_has_no_error_and_no_width():
    perfect = rmse([1.0, 2.0, 3.0], Points([1.0, 2.0, 3.0]))
    assert (perfect.value, perfect.low, perfect.high) == (0.0, 0.0, 0.0)
