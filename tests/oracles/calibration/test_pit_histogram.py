"""Oracles: a slow loop, randomised transforms on average, and how often the band is left."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from forecast_worlds import WORLDS
from trueup.calibration import pit_histogram, pit_values
from trueup.core import Ensemble, EvidenceError, Intervals, Normal, Points, Quantiles
from trueup.worlds import forecasts


def test_normal_laws_give_their_distribution_function():
    said = Normal([0.0, 1.0], [1.0, 2.0])
    want = norm.cdf([0.5, -1.0], [0.0, 1.0], [1.0, 2.0])
    assert pit_values([0.5, -1.0], said) == pytest.approx(np.column_stack([want, want]))


def test_ranks_are_those_of_lots_drawn_on_average():
    """Of members with many ties: mass by rank against 20,000 random orders of each row."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 4, size=(6, 5)), rng.integers(0, 4, size=6)
    drawn = np.zeros(6)
    for members, truth in zip(x, y, strict=True):
        ties = (members == truth).sum()
        rank = (members < truth).sum() + rng.integers(0, ties + 1, size=20_000)
        drawn += np.bincount(rank, minlength=6) / 20_000
    found = pit_histogram(y.astype(float), Ensemble(x.astype(float)))
    assert found.value == pytest.approx(drawn, abs=0.03) and len(found) == 6
    assert found.value.mean() == pytest.approx(1.0)


def test_quantiles_have_the_mass_between_their_levels():
    said = Quantiles([0.1, 0.5, 0.9], np.tile([0.0, 1.0, 2.0], (4, 1)))
    found = pit_histogram([-1.0, 0.5, 1.5, 1.6], said)
    assert found.edges.tolist() == [0.0, 0.1, 0.5, 0.9, 1.0]
    assert found.value == pytest.approx([0.25 / 0.1, 0.25 / 0.4, 0.5 / 0.4, 0.0])
    assert pit_values([1.0], said.take([0])) == pytest.approx(np.array([[0.3, 0.7]]))


def test_many_equal_quantiles_share_their_mass():
    """A law with an atom: the truth lies on three of its quantiles."""
    said = Quantiles([0.2, 0.4, 0.6, 0.8], [[0.0, 0.0, 0.0, 5.0]])
    assert pit_values([0.0], said) == pytest.approx(np.array([[0.1, 0.7]]))


def test_intervals_have_three_bins():
    found = pit_histogram([-1.0, 0.5, 0.6, 0.7], Intervals(np.zeros(4), np.ones(4), 0.5))
    assert found.value == pytest.approx([1.0, 1.5, 0.0])


def test_weights_equal_repeats():
    e = forecasts("ensemble", rows=60, members=9).evidence
    counts = np.random.default_rng(1).integers(0, 3, 60)
    again = e.take(np.repeat(np.arange(60), counts))
    found = pit_histogram(e.truth, e.prediction, weight=counts)
    assert found.value == pytest.approx(pit_histogram(again.truth, again.prediction).value)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", ["normal", "ensemble", "quantiles"])
def test_calibrated_heights_leave_the_band_as_seldom_as_it_says(world, kind):
    """100 tables of 2,000 rows at level .95; rate 1e-4 where 8 % leave it."""
    left = 0
    for seed in range(100):
        e = WORLDS[world](kind, rows=2_000, seed=seed)
        found = pit_histogram(e.truth, e.prediction, cluster=e.cluster, time=e.time)
        left += found.outside.any()
    assert left <= binom.ppf(1 - 1e-4, 100, 0.08)


@pytest.mark.parametrize(
    ("spread", "bias", "high"), [(0.6, 0, [0, 9]), (1.8, 0, [4, 5]), (1, 0.5, [0])]
)
def test_what_is_wrong_stands_out(spread, bias, high):
    e = forecasts("normal", spread=spread, bias=bias, rows=5_000).evidence
    found = pit_histogram(e.truth, e.prediction, bins=10)
    assert (found.value[high] > found.high[high]).all()


def test_misuse_and_little():
    with pytest.raises(EvidenceError, match="pit_histogram: got points"):
        pit_histogram([0.0], Points([0.0]))
    one = pit_histogram([0.0], Normal([0.0], [1.0]))
    assert np.isnan(one.low).all() and one.how == "no band: too few groups of rows"
    nothing = Normal(np.zeros(0), np.zeros(0))
    assert np.isnan(pit_histogram(np.zeros(0), nothing).value).all()
