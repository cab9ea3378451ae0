"""Oracles: a slow loop, and dependence that the energy score hardly sees."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core import UsageError
from trueup.forecast import energy_score, variogram_score


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_is_the_loop_over_pairs_of_numbers(power):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 6, 4)), rng.normal(size=(20, 4))
    want = 0.0
    for members, truth in zip(x, y, strict=True):
        for a in range(4):
            for b in range(4):
                seen = abs(truth[a] - truth[b]) ** power
                said = np.mean([abs(one[a] - one[b]) ** power for one in members])
                want += (seen - said) ** 2
    found = variogram_score(y, x, power=power).value
    assert found == pytest.approx(want / 20, rel=1e-12)


def test_sees_dependence_and_not_common_errors():
    rng = np.random.default_rng(1)
    common = rng.normal(size=(4_000, 1))
    y = common + 0.3 * rng.normal(size=(4_000, 5))
    joined = rng.normal(size=(4_000, 20, 1)) + 0.3 * rng.normal(size=(4_000, 20, 5))
    apart = np.sqrt(1.09) * rng.normal(size=(4_000, 20, 5))  # same laws of each, no dependence
    assert variogram_score(y, joined, against=apart).high < 0
    moved = variogram_score(y, joined + 100.0).value
    assert moved == pytest.approx(variogram_score(y, joined).value, rel=1e-9)
    assert energy_score(y, joined, against=joined + 100.0).high < 0


def test_powers_that_are_none_are_refused():
    with pytest.raises(UsageError, match="variogram_score: power is 0"):
        variogram_score([[0.0, 1.0]], [[[0.0, 1.0]]], power=0)
