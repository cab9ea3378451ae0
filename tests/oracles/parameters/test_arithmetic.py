"""Task arithmetic: against a loop, and a skill that is added and taken away."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.parameters import TaskArithmetic, merge


def test_sum_of_differences_by_a_loop():
    rng = np.random.default_rng(0)
    base, *models = ({"w": rng.normal(size=20)} for _ in range(4))
    for scale in (0.3, -1.0, 2.0):
        found = merge(models, base=base, method=TaskArithmetic(scale))["w"]
        for j in range(20):
            tau = sum(m["w"][j] - base["w"][j] for m in models)
            assert found[j] == pytest.approx(base["w"][j] + scale * tau, rel=1e-12)


def test_shares_weigh_the_differences():
    base, one, two = ({"w": np.array([v])} for v in (1.0, 2.0, 5.0))
    found = merge([one, two], base=base, shares=[3, 1], method=TaskArithmetic())["w"]
    assert found == pytest.approx([1 + 2 * (0.75 * 1 + 0.25 * 4)])


def test_what_is_added_comes_off_again():
    rng = np.random.default_rng(1)
    base, tuned = ({"w": rng.normal(size=50)} for _ in range(2))
    full = merge([tuned], base=base, method=TaskArithmetic())
    assert full["w"] == pytest.approx(tuned["w"], rel=1e-12)
    away = merge([tuned], base=base, method=TaskArithmetic(-1.0))
    assert away["w"] + tuned["w"] == pytest.approx(2 * base["w"], rel=1e-12)
