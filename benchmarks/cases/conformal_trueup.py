"""trueup on a task: ``conformal_trueup.py TASK FOLDER [ready]``.

With ``ready`` the evidence and the new prediction are made before the clock starts; without, making
them from arrays is part of the work, as it is for a user.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from conformal_task import DATA, LEVEL, Task, of_sets, run

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


def tasks() -> dict[str, Task]:
    """The task that was asked for, if its method is in the catalogue."""
    name = sys.argv[1]
    if not hasattr(tu.calibration, "ConformalSets"):
        print(json.dumps({"missing": "not built"}))
        raise SystemExit(0)
    return {name: sets(SETS[name])}


if __name__ == "__main__":
    assert sys.argv[1] in DATA
    np.seterr(all="raise", under="ignore")
    run(tasks())
