"""DARE: what stays is tau / q, how much stays is binomial, the mean over seeds is tau."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from trueup.parameters import DARE, merge


def deltas(rate: float, *, seed: int, q=None, n: int = 40_000) -> np.ndarray:
    """What is added to a base of zeros by a model of ones."""
    base, tuned = {"w": np.zeros(n)}, {"w": np.ones(n)}
    return merge([tuned], base=base, method=DARE(rate, q=q), seed=seed)["w"]


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9, 0.99])
def test_as_many_stay_as_chance_allows(rate):
    found = deltas(rate, seed=1)
    assert set(np.unique(found)) <= {0.0, 1 / (1 - rate)}
    low, high = binom.ppf([5e-5, 1 - 5e-5], found.size, 1 - rate)
    assert low <= np.count_nonzero(found) <= high


def test_q_is_what_the_others_are_divided_by():
    assert set(np.unique(deltas(0.9, seed=1, q=0.25))) == {0.0, 4.0}
    assert set(np.unique(deltas(0.9, seed=1, q={"w": 0.5}))) == {0.0, 2.0}
    assert set(np.unique(deltas(0.75, seed=1, q={"other": 0.5}))) == {0.0, 4.0}


def test_models_and_tensors_and_seeds_have_chances_of_their_own():
    base = {"a": np.zeros(2000), "b": np.zeros(2000)}
    tuned = {"a": np.ones(2000), "b": np.ones(2000)}
    gone = {"a": -np.ones(2000), "b": -np.ones(2000)}
    made = merge([tuned, gone], base=base, method=DARE(0.5))
    again = merge([tuned, gone], base=base, method=DARE(0.5), seed=1)
    patterns = [made["a"] > 0, made["a"] < 0, made["b"] > 0, again["a"] > 0]
    for i, one in enumerate(patterns):
        for two in patterns[:i]:
            assert np.count_nonzero(one & two) < 0.25 * 2000


def test_signs_are_elected_where_asked():
    base = {"w": np.zeros(3)}
    models = [{"w": np.array(v)} for v in ([1.0, -2, 3], [2.0, 4, -1])]
    found = merge(models, base=base, method=DARE(0.0, consensus="elected"))["w"]
    assert found.tolist() == [1.5, 4.0, 3.0]
