"""Forecasts of numbers whose errors depend on each other, with known truth."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from trueup.core import Evidence
from trueup.worlds import forecasts


SIZE = 20
"""Rows of a cluster."""


def independent(kind: str, *, rows: int, seed: int, **options) -> Evidence:
    """Rows that know nothing of each other."""
    return forecasts(kind, rows=rows, seed=seed, **options).evidence


def clustered(kind: str, *, rows: int, seed: int, icc: float = 0.3, **options) -> Evidence:
    """Clusters of 20 rows; errors, in units of their spread, share ``icc`` of their variance."""
    rng = np.random.default_rng([seed, 1])
    of = np.arange(rows) // SIZE
    common = rng.normal(size=of[-1] + 1)[of]
    z = np.sqrt(icc) * common + np.sqrt(1 - icc) * rng.normal(size=rows)
    return _with_errors(kind, z, rows=rows, seed=seed, cluster=of, **options)


def series(kind: str, *, rows: int, seed: int, rho: float = 0.9, **options) -> Evidence:
    """A series whose errors, in units of their spread, are autoregressive."""
    rng = np.random.default_rng([seed, 1])
    noise = rng.normal(size=rows)
    noise[1:] *= np.sqrt(1 - rho**2)
    z = lfilter([1.0], [1.0, -rho], noise)
    return _with_errors(kind, z, rows=rows, seed=seed, time=np.arange(rows), **options)


def _with_errors(kind: str, z: np.ndarray, *, rows: int, seed: int, **given) -> Evidence:
    roles = {name: given.pop(name) for name in ("cluster", "time") if name in given}
    world = forecasts(kind, rows=rows, seed=seed, **given)
    return Evidence(world.evidence.prediction, world.mean + world.sd * z, **roles)


WORLDS = {"independent": independent, "clusters, ICC .3": clustered, "series, rho .9": series}
