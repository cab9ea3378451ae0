"""SLERP: against SciPy's, and what an arc must do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import geometric_slerp

from trueup.core.errors import UsageError
from trueup.parameters import SLERP, merge


def merged(one, two, t: float, **settings) -> np.ndarray:
    return merge([{"w": one}, {"w": two}], shares=[1 - t, t], method=SLERP(**settings))["w"]


@pytest.mark.parametrize("t", [0.0, 0.2, 0.5, 1.0])
def test_directions_as_scipy_does(t):
    one, two = (v / np.linalg.norm(v) for v in np.random.default_rng(0).normal(size=(2, 30)))
    assert merged(one, two, t) == pytest.approx(geometric_slerp(one, two, t), abs=1e-12)


def test_lengths_stay_where_both_are_equally_long():
    one, two = np.random.default_rng(1).normal(size=(2, 40))
    two *= np.linalg.norm(one) / np.linalg.norm(two)
    for t in (0.1, 0.5, 0.8):
        assert np.linalg.norm(merged(one, two, t)) == pytest.approx(np.linalg.norm(one), rel=1e-12)
    assert np.linalg.norm((one + two) / 2) < 0.9 * np.linalg.norm(one)


@pytest.mark.parametrize("scope", ["tensor", "model"])
def test_same_opposite_and_zero_weights_take_the_chord(scope):
    one = np.array([1.0, 2.0, -3.0])
    for two in (one, -one, 2 * one, 0 * one):
        assert merged(one, two, 0.25, scope=scope) == pytest.approx(0.75 * one + 0.25 * two)


def test_an_angle_of_the_model_is_that_of_all_tensors_in_a_row():
    rng = np.random.default_rng(2)
    models = [{"a": rng.normal(size=12), "b": rng.normal(size=(3, 4))} for _ in range(2)]
    rows = [np.concatenate([m["a"], m["b"].ravel()]) for m in models]
    found = merge(models, shares=[0.7, 0.3], method=SLERP(scope="model"))
    assert np.concatenate([found["a"], found["b"].ravel()]) == pytest.approx(merged(*rows, 0.3))


def test_three_models_are_refused():
    with pytest.raises(UsageError, match="SLERP: got 3 models"):
        merge([{"w": np.ones(2)}] * 3, method=SLERP())
