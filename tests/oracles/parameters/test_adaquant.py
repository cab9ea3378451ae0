"""AdaQuant against single changes of all codes, and never worse than the nearest levels."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.errors import UsageError
from trueup.parameters import GPTQ, AdaQuant
from trueup.parameters.quantisation.adaquant import _swept
from trueup.parameters.quantisation.refit import errors
from trueup.parameters.quantisation.scales import find_scales


def world(out, d, seed=0, rows=300):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, d)) @ (rng.normal(size=(d, d)) * np.exp(rng.normal(size=d)))
    return rng.normal(size=(out, d)).astype(np.float32), x.T @ x / rows


def by_hand(w, codes, scales, h):
    """Every code in turn gets the level that is best while all others stand: all are tried."""
    codes = codes.copy()
    for j in range(w.shape[1]):
        tried = []
        for code in range(2**scales.bits):
            one = codes.copy()
            one[:, j] = code
            tried.append(errors(w.astype(np.float64), scales.values(one), h))
        codes[:, j] = np.argmin(tried, axis=0)
    return codes


@pytest.mark.parametrize(
    "settings",
    [{"grid": "uniform", "bits": 2}, {"grid": "asymmetric", "bits": 3, "granularity": 40},
     {"grid": "nf", "bits": 3, "granularity": "tensor"}, {"grid": "power_of_two", "bits": 2}],
)  # fmt: skip
def test_a_sweep_is_that_of_a_loop(settings):
    w, gram = world(4, 90)
    h = gram / np.trace(gram) * 90
    scales = find_scales(w, **settings)
    codes = scales.codes(w)
    ours, loop = _swept(w, codes, scales, h.astype(np.float32)), by_hand(w, codes, scales, h)
    assert (ours == loop).mean() > 0.97
    assert errors(w, scales.values(ours), h).sum() <= errors(w, scales.values(codes), h).sum()


@pytest.mark.parametrize("grid", ["uniform", "asymmetric", "nf", "power_of_two"])
@pytest.mark.parametrize("granularity", ["tensor", "row", 7])
def test_never_worse_than_the_nearest_on_what_it_was_shown(grid, granularity):
    for seed in range(5):
        w, gram = world(6, 30, seed)
        scales = find_scales(w, grid=grid, bits=3, granularity=granularity)
        codes, own = AdaQuant(rounds=2)(w, scales, gram)
        plain = errors(w, scales.values(scales.codes(w)), gram)
        ours = errors(w, own.values(codes), gram)
        assert (ours <= plain * (1 + 1e-4)).all() and ours.sum() < 0.8 * plain.sum()


def test_more_rounds_and_a_better_start_end_lower():
    w, gram = world(20, 100)
    scales = find_scales(w, grid="uniform", bits=3)

    def lost(rounding):
        codes, own = rounding(w, scales, gram)
        return errors(w, own.values(codes), gram).sum()

    assert lost(AdaQuant(rounds=8)) <= lost(AdaQuant(rounds=1))
    assert lost(AdaQuant(start=GPTQ())) <= lost(GPTQ()) * 1.001


def test_bad_settings_are_refused():
    with pytest.raises(UsageError, match="rounds are 0"):
        AdaQuant(rounds=0)
