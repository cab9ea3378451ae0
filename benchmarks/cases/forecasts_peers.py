"""Other packages on a task: ``forecasts_peers.py TASK FOLDER PACKAGE``."""

from __future__ import annotations

import sys

import numpy as np
from forecasts_task import ALPHA, LEVELS, Task, Z, run


def one(name: str):
    """The mean of what came back, under the name of the task."""
    return lambda value, *_: {name: float(np.mean(value))}


def first(counts, *_) -> dict[str, float]:
    """Share of the lowest rank."""
    counts = np.asarray(counts, dtype=float).ravel()
    return {"first rank": float(counts[0] / counts.sum())}


def scoringrules() -> dict[str, Task]:
    """Compiled by numba, which is installed beside it."""
    import scoringrules as sr

    def wis(y, q):
        low, high = np.ascontiguousarray(q[:, :11]), np.ascontiguousarray(q[:, :11:-1])
        return sr.weighted_interval_score(y, q[:, 11], low, high, 2 * LEVELS[:11])

    return {
        "wis": Task(wis, one("wis")),
        "pinball": Task(lambda y, q: sr.crps_quantile(y, q, LEVELS) / 2, one("pinball")),
        "interval_score": Task(
            lambda y, low, high: sr.interval_score(y, low, high, ALPHA), one("interval_score")
        ),
        "crps_normal": Task(sr.crps_normal, one("crps_normal")),
        "crps_ensemble": Task(sr.crps_ensemble, one("crps_ensemble")),
    }


def scores() -> dict[str, Task]:
    """Arrays of xarray."""
    import xarray as xr
    from scores.continuous import interval_score, quantile_score
    from scores.probability import crps_for_ensemble, rank_histogram

    def rows(*arrays):
        return tuple(xr.DataArray(a, dims=["row", "member"][: a.ndim]) for a in arrays)

    def pinball(y, q):
        each = [quantile_score(q[:, j], y, float(level)).item() for j, level in enumerate(LEVELS)]
        return np.mean(each)

    def interval(y, low, high):
        return interval_score(low, high, y, 1 - ALPHA)["total"].item()

    return {
        "pinball": Task(pinball, one("pinball"), rows),
        "interval_score": Task(interval, one("interval_score"), rows),
        "crps_ensemble": Task(
            lambda y, x: crps_for_ensemble(x, y, "member").item(), one("crps_ensemble"), rows
        ),
        "rank_histogram": Task(lambda y, x: rank_histogram(x, y, "member"), first, rows),
    }


def xskillscore() -> dict[str, Task]:
    """Arrays of xarray."""
    import xarray as xr
    import xskillscore as xs

    def rows(*arrays):
        return tuple(xr.DataArray(a, dims=["row", "member"][: a.ndim]) for a in arrays)

    return {
        "crps_normal": Task(
            lambda y, mean, sd: xs.crps_gaussian(y, mean, sd).item(), one("crps_normal"), rows
        ),
        "crps_ensemble": Task(
            lambda y, x: xs.crps_ensemble(y, x).item(), one("crps_ensemble"), rows
        ),
        "rank_histogram": Task(lambda y, x: xs.rank_histogram(y, x, dim="row").values, first, rows),
    }


def properscoring() -> dict[str, Task]:
    """Compiled by numba, which is installed beside it."""
    import properscoring as ps

    return {
        "crps_normal": Task(ps.crps_gaussian, one("crps_normal")),
        "crps_ensemble": Task(ps.crps_ensemble, one("crps_ensemble")),
    }


def uncertainty_toolbox() -> dict[str, Task]:
    """Of normal laws only; an interval score at one level."""
    from uncertainty_toolbox.metrics_scoring_rule import crps_gaussian, interval_score

    def law(y, low, high):
        return y, (low + high) / 2, (high - low) / (2 * Z[-3])

    def interval(y, mean, sd):
        level = 1 - ALPHA
        return interval_score(mean, sd, y, start_p=level, end_p=level, resolution=1)

    return {
        "crps_normal": Task(lambda y, mean, sd: crps_gaussian(mean, sd, y), one("crps_normal")),
        "interval_score": Task(interval, one("interval_score"), law),
    }


if __name__ == "__main__":
    run({"uncertainty-toolbox": uncertainty_toolbox, **globals()}[sys.argv[3]]())
