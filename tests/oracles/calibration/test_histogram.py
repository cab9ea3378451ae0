"""Oracles: shares of quantile bins by a loop; no bin is lost, no tie is torn."""

import numpy as np
import pytest

from trueup.calibration import HistogramBinning
from trueup.core import Evidence, Probabilities


def test_equals_the_shares_of_equal_parts():
    rng = np.random.default_rng(1)
    p = np.sort(rng.random(1_500))
    y = (rng.random(1_500) < p).astype(int)
    after = HistogramBinning(bins=15).fit(Evidence(Probabilities(p), y)).apply(Probabilities(p))
    for part in np.array_split(np.arange(1_500), 15):
        share = np.clip(y[part].mean(), 0.5 / 101, 1 - 0.5 / 101)
        assert after.probs[part, 1] == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("bins", [1, 2, 7, 15])
def test_as_many_bins_as_asked_for(bins):
    """A peer makes one bin less."""
    p = np.linspace(0.01, 0.99, 600)
    e = Evidence(Probabilities(p), np.arange(600) % 2)
    assert HistogramBinning(bins=bins).fit(e).map.parameters == {"steps": float(bins)}


def test_ties_stay_together_and_file_order_does_not_matter():
    p = np.repeat([0.2, 0.5, 0.8], [90, 5, 5])
    y = np.arange(100) % 3 == 0
    order = np.random.default_rng(0).permutation(100)
    made = [
        HistogramBinning(bins=20).fit(Evidence(Probabilities(p[o]), y[o].astype(int))).map
        for o in (np.arange(100), order)
    ]
    assert made[0].parameters["steps"] == 3 and np.array_equal(made[0].levels, made[1].levels)


def test_one_bin_says_the_base_rate():
    p, y = np.linspace(0.1, 0.9, 50), (np.arange(50) < 10).astype(int)
    after = HistogramBinning(bins=1).fit(Evidence(Probabilities(p), y)).apply(Probabilities(p))
    assert after.probs[:, 1] == pytest.approx(0.2)
