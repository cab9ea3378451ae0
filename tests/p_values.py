"""p-values of tables whose rows depend on each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trueup.core.measure import AbstractStatistic


def under_dependence(test: AbstractStatistic, world: Callable, **options) -> tuple[float, float]:
    """Median p-value of 40 calibrated tables: as they are, and as if rows stood alone."""
    honest, naive = [], []
    for seed in range(40):
        e = world(2_000, factor=1.0, seed=seed, **options).evidence
        honest.append(test.estimate(test.cube(e)).value)
        naive.append(test(e.truth, e.prediction).value)
    return float(np.median(honest)), float(np.median(naive))
