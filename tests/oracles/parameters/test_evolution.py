"""Evolution against the best of all choices, on losses that do not add."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from trueup.core.errors import UsageError
from trueup.parameters import Evolution
from trueup.parameters.allocation.evolution import child


class Made:
    """Losses of a made-up network of five layers and three options."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.bytes = np.sort(rng.integers(10, 100, (5, 3)), axis=1)
        self.alone = np.sort(rng.exponential(size=(5, 3)), axis=1)[:, ::-1]
        self.meet = rng.exponential(size=(5, 5))
        self.rows, self.names = 64, list("abcde")

    def lost(self, choice, rows=None):
        alone = self.alone[np.arange(5), choice]
        return float(alone.sum() + alone @ self.meet @ alone)

    def largest_uniform(self, budget):
        totals = self.bytes.sum(axis=0)
        return np.full(5, np.flatnonzero(totals <= budget)[-1])


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_best_of_all_choices(seed):
    made = Made(seed)
    budget = int(made.bytes.sum(axis=0)[1])
    found = Evolution(generations=60, seed=seed)(made, budget)
    every = np.array(list(product(range(3), repeat=5)))
    fits = every[made.bytes[np.arange(5), every].sum(axis=1) <= budget]
    assert made.bytes[np.arange(5), found.choice].sum() <= budget
    assert found.predicted == pytest.approx(min(map(made.lost, fits)))
    assert (np.diff(found.trace) <= 0).all() and found.trace[-1] == found.predicted


def test_children_stay_within_the_budget_and_are_of_a_seed():
    made, rng = Made(0), np.random.default_rng(0)
    order = made.bytes.argsort(axis=1)
    parent, budget = np.ones(5, int), int(made.bytes.sum(axis=0)[1])
    children = [child(parent, made.bytes, order, budget, rng) for _ in range(200)]
    assert all(made.bytes[np.arange(5), c].sum() <= budget for c in children)
    assert len({tuple(c) for c in children}) > 10
    one, two = (Evolution(generations=5, seed=3)(made, budget) for _ in range(2))
    assert (one.choice == two.choice).all() and one.trace == two.trace


def test_bad_settings_are_refused():
    with pytest.raises(UsageError, match="0 generations"):
        Evolution(generations=0)
