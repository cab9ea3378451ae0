"""DELLA: chances by rank, what stays is divided by its chance to stay."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, rankdata

from trueup.parameters import DELLA, merge


def test_what_stays_is_divided_by_a_chance_that_falls_evenly_with_the_rank():
    rng = np.random.default_rng(0)
    tau = rng.normal(size=5000)
    made = merge([{"w": tau}], base={"w": np.zeros(5000)}, method=DELLA(0.6, spread=0.4))["w"]
    stays = made != 0
    rank = (rankdata(-np.abs(tau)) - 1) / (tau.size - 1)
    chance = 1 - (0.6 - 0.2 + 0.4 * rank)
    # Magnitudes that agree to 1 % share a rank: of normal numbers at most .5 % of them do.
    assert tau[stays] / made[stays] == pytest.approx(chance[stays], abs=0.4 * 0.005)


def test_as_many_of_each_rank_stay_as_chance_allows():
    tau = np.sort(np.random.default_rng(1).normal(size=60_000) ** 2)[::-1]
    made = merge([{"w": tau}], base={"w": np.zeros(60_000)}, method=DELLA(0.5, spread=0.8))["w"]
    for part in range(6):
        mine = slice(part * 10_000, (part + 1) * 10_000)
        stay = 1 - (0.1 + 0.8 * (part + 0.5) / 6)
        low, high = binom.ppf([1e-5, 1 - 1e-5], 10_000, [stay - 0.003, stay + 0.003])
        assert low <= np.count_nonzero(made[mine]) <= high


def test_equal_magnitudes_have_equal_chances():
    tau = np.where(np.arange(4000) % 2, 1.0, -1.0)
    made = merge([{"w": tau}], base={"w": np.zeros(4000)}, method=DELLA(0.6, spread=0.4))["w"]
    assert set(np.unique(np.abs(made))) == {0.0, 1 / (1 - 0.6)}


def test_no_spread_and_no_rate_leaves_the_difference():
    tau = np.random.default_rng(2).normal(size=100)
    made = merge([{"w": tau}], base={"w": np.zeros(100)}, method=DELLA(0.0, spread=0.0))["w"]
    assert np.array_equal(made, tau)
