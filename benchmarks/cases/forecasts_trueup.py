"""trueup on a task: ``forecasts_trueup.py TASK FOLDER [ready]``.

With ``ready`` the ``Evidence`` is made before the clock starts; without, making it from arrays is
part of the work, as it is for a user. Every value comes with its interval.
"""

from __future__ import annotations

import sys

import numpy as np
from forecasts_task import ALPHA, LEVELS, Task, run

from trueup.calibration import pit_histogram
from trueup.core import Ensemble, Evidence, Intervals, Normal, Quantiles
from trueup.core.rows import NOBODY
from trueup.forecast import crps, interval_score, pinball, wis


READY = "ready" in sys.argv[3:]
MADE = {
    "wis": (wis, lambda y, q: Quantiles(LEVELS, q)),
    "pinball": (pinball, lambda y, q: Quantiles(LEVELS, q)),
    "interval_score": (interval_score, lambda y, low, high: Intervals(low, high, 1 - ALPHA)),
    "crps_normal": (crps, lambda y, mean, sd: Normal(mean, sd)),
    "crps_ensemble": (crps, lambda y, x: Ensemble(x)),
}


def task(name: str) -> Task:
    """From arrays, or from evidence that is ready."""
    measure, of = MADE[name]

    def judge(estimate, *_):
        return {name: estimate.value}

    if READY:
        return Task(
            lambda e: measure.estimate(measure.cube(e)),
            judge,
            lambda *a: (Evidence(of(*a), a[0], rows=NOBODY),),
        )
    return Task(lambda *a: measure(a[0], of(*a)), judge)


def ranks() -> Task:
    """All 51 ranks, with the band of a calibrated ensemble."""

    def judge(found, *_):
        return {"first rank": float(found.value[0] / found.value.sum())}

    if READY:
        return Task(lambda y, x: pit_histogram(y, x, bins=51), judge, lambda y, x: (y, Ensemble(x)))
    return Task(lambda y, x: pit_histogram(y, Ensemble(x), bins=51), judge)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    run({sys.argv[1]: ranks() if sys.argv[1] == "rank_histogram" else task(sys.argv[1])})
