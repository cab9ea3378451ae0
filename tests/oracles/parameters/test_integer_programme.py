"""The programme against all choices."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from trueup.core.errors import UsageError
from trueup.parameters import IntegerProgramme
from trueup.parameters.allocation.integer_programme import best


@pytest.mark.parametrize("seed", range(20))
def test_the_choice_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    losses = np.sort(rng.exponential(size=(6, 3)) ** 3, axis=1)[:, ::-1]
    losses = losses - rng.normal(size=losses.shape) * 0.01 * (seed % 2)
    sizes = np.sort(rng.integers(1, 1000, (6, 3)), axis=1)
    every = np.array(list(product(range(3), repeat=6)))
    totals = sizes[np.arange(6), every].sum(axis=1)
    budget = int(np.quantile(totals, rng.uniform(0.05, 0.9)))
    all_losses = np.where(totals <= budget, losses[np.arange(6), every].sum(axis=1), np.inf)
    found = best(losses, sizes, budget)
    assert sizes[np.arange(6), found].sum() <= budget
    assert losses[np.arange(6), found].sum() == pytest.approx(all_losses.min(), abs=1e-6)


def test_no_choice_and_no_such_start_are_refused():
    with pytest.raises(UsageError, match="no choice fits 3 bytes"):
        best(np.ones((2, 2)), np.full((2, 2), 2), 3)
    with pytest.raises(UsageError, match="around is"):
        IntegerProgramme(around="")
