"""The grid: equal-width bins exact to the last bit, ranks kept."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core import Grid
from trueup.core.grid import equal_mass


WIDTHS = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60]
GRID = Grid()


def naive_bin(p: float, bins: int) -> int:
    """The bin (lo, hi] of ``p``, by a loop; 0 belongs to the first."""
    return next(b for b in range(bins) if p <= (b + 1) / bins)


def edges() -> np.ndarray:
    """Every edge of every width, and the floats on both sides of it."""
    at = np.array(sorted({i / b for b in WIDTHS for i in range(b + 1)}))
    return np.clip(np.concatenate([at, np.nextafter(at, 0), np.nextafter(at, 1)]), 0, 1)


@pytest.mark.parametrize("bins", WIDTHS)
def test_equal_width_bins_are_exact_at_every_edge(bins):
    p = np.concatenate([edges(), np.random.default_rng(0).random(2_000)])
    got = GRID.equal_width(bins)[GRID(p)]
    want = [naive_bin(x, bins) for x in p]
    wrong = [(x, g, w) for x, g, w in zip(p.tolist(), got.tolist(), want, strict=True) if g != w]
    assert not wrong


@given(st.floats(0, 1), st.sampled_from(WIDTHS))
def test_equal_width_bins_are_exact(p, bins):
    assert GRID.equal_width(bins)[GRID(np.array([p]))[0]] == naive_bin(p, bins)


@given(st.floats(0, 1, width=32), st.sampled_from(WIDTHS))
def test_equal_width_bins_are_exact_for_float32(p, bins):
    assert GRID.equal_width(bins)[GRID(np.array([p], np.float32))[0]] == naive_bin(p, bins)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_bins_rise_with_the_score(scores):
    b = GRID(np.sort(scores))
    assert (np.diff(b) >= 0).all() and b[0] >= 0 and b[-1] < GRID.size


@pytest.mark.parametrize("bins", [7, 8, 9, 16, 100])
def test_widths_that_do_not_fit_are_said_to(bins):
    assert GRID.equal_width(bins) is None
    own = Grid(width=bins)
    p = np.concatenate([np.arange(bins + 1) / bins, np.random.default_rng(1).random(500)])
    want = [naive_bin(x, bins) for x in p]
    assert own.equal_width(bins)[own(p)].tolist() == want


def test_every_bin_can_be_reached_or_lies_between_others():
    grid = Grid(width=6, logit=16)
    fine = np.unique(grid(np.linspace(0, 1, 400_001)))
    assert grid.size == 21 and fine[0] == 0 and fine[-1] == 20
    assert grid.width_bin.tolist() == sorted(grid.width_bin.tolist())
    assert np.unique(grid.width_bin).tolist() == list(range(6))


def test_above_half_is_above_one_half():
    p = np.array([0.5, np.nextafter(0.5, 1), np.nextafter(0.5, 0), 0.0, 1.0])
    assert GRID.above_half[GRID(p)].tolist() == [False, True, False, False, True]


def test_coarse_bins_are_runs():
    part = GRID.coarse(64)
    assert part[0] == 0 and part[-1] == 63 and set(np.diff(part).tolist()) == {0, 1}


@given(
    st.lists(st.floats(0, 1e6).map(lambda x: 0.0 if x < 1 else x), min_size=1, max_size=80),
    st.integers(1, 20),
)
def test_equal_mass_never_tears_or_skips(weight, bins):
    part = equal_mass(np.array(weight), bins=bins)
    assert part[0] == 0 and set(np.diff(part).tolist()) <= {0, 1} and part.max() < bins


def test_equal_mass_is_equal_where_it_can_be():
    part = equal_mass(np.ones(1500), bins=15)
    assert np.bincount(part).tolist() == [100] * 15
    tied = equal_mass(np.array([1.0, 1.0, 96.0, 1.0, 1.0]), bins=15)
    assert len(np.unique(tied)) == 3 and math.isclose(tied[2], 1)
