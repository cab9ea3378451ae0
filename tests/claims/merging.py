"""Claims of merging: what chance drops is made good by what stays."""

from __future__ import annotations

import importlib

import numpy as np
from scipy.stats import t

from claims.registry import claim
from trueup.core.cards import Card
from trueup.parameters import merge


RATE, SEEDS = 1e-4, 400


@claim("keeps the mean")
def keeps_the_mean(card: Card) -> None:
    """The mean over 400 seeds is the difference, within its small and its large numbers; t tests.

    The share of the difference that is there has mean 1; what chance allows must be below 3 %.
    """
    method = getattr(importlib.import_module(card.module), card.name)()
    tau = np.random.default_rng(0).normal(size=2000)
    base, tuned = {"w": np.zeros(2000)}, {"w": tau}
    made = np.array(
        [merge([tuned], base=base, method=method, seed=seed)["w"] for seed in range(SEEDS)]
    )
    large = np.abs(tau) > np.median(np.abs(tau))
    for part in (large, ~large):
        found = made[:, part] @ tau[part] / (tau[part] @ tau[part])
        chance = t.ppf(1 - RATE / 4, SEEDS - 1) * found.std(ddof=1) / np.sqrt(SEEDS)
        assert abs(found.mean() - 1) < chance < 0.03, (card.name, found.mean(), chance)
