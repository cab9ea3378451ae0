"""Peers of one task each: ``calibration_others.py TASK FOLDER``.

relplot (smooth ECE), model-diagnostics (CORP), venn-abers (Venn-ABERS).
"""

from __future__ import annotations

import sys

import numpy as np
from calibration_task import Task, log_loss, run


def relplot() -> Task:
    """Smooth ECE."""
    from relplot import smECE

    return Task(lambda p, y: smECE(p, y), lambda value, *_: {"smECE": float(value)})


def diagnostics() -> Task:
    """CORP decomposition of the Brier score."""
    from model_diagnostics.scoring import SquaredError, decompose

    columns = {"MCB": "miscalibration", "DSC": "discrimination", "UNC": "uncertainty"}

    def judge(found, *_):
        return {short: float(found[name][0]) for short, name in columns.items()}

    return Task(
        lambda p, y: decompose(y, p, scoring_function=SquaredError()),
        judge,
        lambda p, y: (p, y.astype(np.float64)),
    )


def venn_abers() -> Task:
    """Fit on calibration rows and say of new rows."""
    from venn_abers import VennAbers

    def work(p, y, new):
        made = VennAbers()
        made.fit(p, y)
        return made.predict_proba(new)[0][:, 1]

    def two(p):
        return np.column_stack([1 - p, p])

    return Task(
        work,
        lambda q, p, y, new, then: {"log loss, new rows": log_loss(q, then)},
        lambda p, y, new, _: (two(p), y, two(new)),
    )


if __name__ == "__main__":
    made = {"smooth_ece": relplot, "corp": diagnostics, "venn_abers": venn_abers}
    run({sys.argv[1]: made[sys.argv[1]]()})
