"""trueup on a task: ``conformal_trueup.py TASK FOLDER [ready]``.

With ``ready`` the evidence and the new prediction are made before the clock starts; without, making
them from arrays is part of the work, as it is for a user.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import numpy as np
from conformal_task import DATA, LEVEL, PERCENTILES, Task, group_of, judge_of, of_sets, run

import trueup as tu


READY = "ready" in sys.argv[3:]

SETS = {
    "lac": {"score": "lac"},
    "aps": {"score": "aps"},
    "raps": {"score": "raps"},
    "saps": {"score": "saps"},
    "class_conditional": {"score": "lac", "per": "class"},
}
"""Task of sets of classes -> settings of ``ConformalSets``."""


def sets(settings: dict) -> Task:
    """Sets (n, k) of new rows."""
    method = tu.calibration.ConformalSets(level=LEVEL, **settings)

    def arrays(said, y, new, _):
        return tu.Evidence(tu.Probabilities(said), y), tu.Probabilities(new)

    def work(*given):
        evidence, new = given if READY else arrays(*given)
        return method.fit(evidence).apply(new).members

    return Task(work, of_sets, arrays if READY else lambda *given: given)


def numbers(name: str) -> Task:
    """Intervals, quantiles or scores of new rows."""
    levels = tuple(p / 100 for p in PERCENTILES)
    method = {
        "split": lambda: tu.calibration.ConformalIntervals(level=LEVEL),
        "split_groups": lambda: tu.calibration.ConformalIntervals(level=LEVEL, per="group"),
        "cps": lambda: tu.calibration.ConformalDistribution(levels),
        "cps_crps": lambda: None,
    }[name]()

    def arrays(said, y, new, truth):
        by = {"group": group_of(said)} if name == "split_groups" else {}
        given = {"group": group_of(new)} if name == "split_groups" else {}
        return tu.Evidence(tu.Points(said), y, by=by), tu.Points(new), truth, given

    def work(*given):
        evidence, new, truth, context = given if READY else arrays(*given)
        if name == "cps_crps":
            return tu.calibration.predictive_system(evidence).crps(new, truth)
        made = method.fit(evidence).apply(new, **context)
        return made.values if name == "cps" else np.column_stack([made.low, made.high])

    return Task(work, judge_of(name), arrays if READY else lambda *given: given)


def cross() -> Callable:
    """Ends (n, 2) of new rows by five lines through the origin, fitted on the way."""
    from sklearn.linear_model import LinearRegression

    from trueup.adapters.sklearn import ConformalRegressor

    def work(f, y, new, _):
        line = LinearRegression(fit_intercept=False)
        made = ConformalRegressor(line, cv=5, level=LEVEL).fit(f[:, None], y)
        made = made.predict_interval(new[:, None])
        return np.column_stack([made.low, made.high])

    return work


def tasks() -> dict[str, Task | Callable]:
    """The task that was asked for, if its method is in the catalogue."""
    name = sys.argv[1]
    if not hasattr(tu.calibration, "ConformalSets"):
        print(json.dumps({"missing": "not built"}))
        raise SystemExit(0)
    if name in SETS:
        return {name: sets(SETS[name])}
    return {name: cross() if name.startswith("cv_plus") else numbers(name)}


if __name__ == "__main__":
    assert sys.argv[1] in DATA
    np.seterr(all="raise", under="ignore")
    run(tasks())
