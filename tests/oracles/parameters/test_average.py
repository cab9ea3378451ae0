"""The average of models: against sums of Python's fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from trueup.core.errors import UsageError
from trueup.parameters import merge


@pytest.mark.parametrize("shares", [(), (1, 1, 2), (0, 0.3, 0.7)])
def test_average_by_fractions(shares):
    rng = np.random.default_rng(1)
    models = [{"w": rng.normal(size=(3, 4))} for _ in range(3)]
    parts = [Fraction(s) for s in shares or (1, 1, 1)]
    wanted = [
        float(sum(Fraction(float(m["w"].flat[i])) * p for m, p in zip(models, parts, strict=True))
              / sum(parts)) for i in range(12)
    ]  # fmt: skip
    found = merge(models, shares=shares)["w"]
    assert found.ravel() == pytest.approx(wanted, rel=1e-14, abs=1e-15)


def test_a_mean_of_two_is_what_one_writes_by_hand():
    rng = np.random.default_rng(2)
    one, two = rng.normal(size=(2, 1000)).astype(np.float32)
    found = merge([{"w": one}, {"w": two}])["w"]
    assert np.array_equal(found, (one + two) * np.float32(0.5))


@pytest.mark.parametrize("shares", [(1,), (1, -1), (0, 0), (np.nan, 1)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(UsageError, match="shares are"):
        merge([{"w": np.ones(2)}] * 2, shares=shares)
