"""The variance of the average: a k-th for independent nets, and what it is brought back to."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.parameters import VarianceCorrected, merge


@pytest.mark.parametrize("k", [2, 5])
def test_matrices_get_the_mean_variance_and_keep_their_mean(k):
    rng = np.random.default_rng(k)
    models = [
        {"w": rng.normal(0.3, 1 + i, size=(30, 40)), "b": rng.normal(size=9)} for i in range(k)
    ]
    shares = np.arange(1.0, k + 1)
    plain = merge(models, shares=shares)
    found = merge(models, shares=shares, method=VarianceCorrected())
    wanted = sum(s * m["w"].var() for s, m in zip(shares, models, strict=True)) / shares.sum()
    assert found["w"].var() == pytest.approx(wanted, rel=1e-12)
    assert found["w"].mean() == pytest.approx(plain["w"].mean(), rel=1e-10)
    assert np.array_equal(found["b"], plain["b"])


def test_independent_nets_fade_by_their_number_and_are_brought_back():
    """At 30,000 numbers a variance is known to .8 %; five standard errors are allowed."""
    rng = np.random.default_rng(0)
    models = [{"w": rng.normal(size=(300, 100))} for _ in range(4)]
    allowed = 5 * np.sqrt(2 / 30_000)
    assert merge(models)["w"].var() == pytest.approx(1 / 4, rel=allowed)
    assert merge(models, method=VarianceCorrected())["w"].var() == pytest.approx(1, rel=allowed)


def test_signals_pass_twenty_layers():
    """What the correction is for: averaged tanh nets go silent, corrected ones do not."""
    rng = np.random.default_rng(1)
    nets = [
        {f"{i}": rng.normal(0, 200**-0.5, size=(200, 200)) for i in range(20)} for _ in range(4)
    ]

    def signal(weights) -> float:
        x = np.random.default_rng(2).normal(size=200)
        for i in range(20):
            x = np.tanh(weights[f"{i}"] @ x)
        return float(np.sqrt(np.mean(x**2)))

    alone = np.mean([signal(net) for net in nets])
    assert signal(merge(nets)) < 1e-4 * alone
    assert 0.5 < signal(merge(nets, method=VarianceCorrected())) / alone < 2


def test_nets_that_cancel_stay_what_they_are():
    one = np.random.default_rng(0).normal(size=(4, 5))
    found = merge([{"w": one}, {"w": -one}], method=VarianceCorrected())["w"]
    assert np.array_equal(found, np.zeros((4, 5)))
