"""What do conformal sets and intervals cost and hold, beside peers and beside plain scripts?

A row more is a line in ``TASKS``, its name behind every peer that has it in ``HAVE``, and a row in
the tables of the cases: data in ``cases/conformal_task.py``, work in ``cases/conformal_*.py``.
"""

from __future__ import annotations

from bench import case, main, run, write
from beside import Beside


LIMIT = 120
"""Seconds on the clock after which a system is stopped: one of the peers would take hours."""

TASKS = {
    "lac": "LAC sets of 100 classes, 5e4 + 5e4 rows",
    "aps": "APS sets of 100 classes, 5e4 + 5e4 rows",
    "raps": "RAPS sets of 100 classes, 5e4 + 5e4 rows",
    "saps": "SAPS sets of 100 classes, 5e4 + 5e4 rows",
    "class_conditional": "LAC sets with a threshold a class, 100 classes, 5e4 + 5e4 rows",
    "split": "split conformal intervals, 5e5 + 5e5 rows",
    "split_groups": "split conformal intervals with a margin a group, 5e5 + 5e5 rows",
    "cv_plus": "CV+ with five lines, 1e4 x 1e4 rows",
    "cv_plus_large": "CV+ with five lines, 2e5 x 2e5 rows",
    "cps": "five quantiles of a predictive system, 5e5 + 5e5 rows",
    "cps_crps": "CRPS of a predictive system, 1e4 + 1e4 rows",
}
TARGETS = {"lac": [("cpu", 0.05)], "aps": [("cpu", 0.205)], "raps": [("cpu", 0.57)],
           "cv_plus_large": [("cpu", 10.0)]}  # fmt: skip
"""Task -> quantity and the most of it. APS and RAPS: half of what MAPIE took where both ran."""

PEERS = {
    "MAPIE": ("mapie", "mapie"),
    "crepes": ("crepes", "crepes"),
    "TorchCP": ("torchcp", "torchcp"),
    "puncc": ("puncc", "puncc"),
}
"""System -> its environment in ``peers.sh`` and its file ``cases/conformal_<file>.py``."""

HAVE = {
    "plain": (
        "lac aps raps class_conditional split split_groups cv_plus cv_plus_large cps cps_crps"
    ),
    "MAPIE": "lac aps raps split cv_plus",
    "crepes": "lac split split_groups cps cps_crps",
    "TorchCP": "lac aps raps saps class_conditional",
    "puncc": "lac aps raps",
}
NOTES = (
    "One thread. 1e5 rows of 100 classes in float32, half to calibrate on and half new: the truth "
    "is drawn from softmax(l), the model says softmax(2 l). Level 0.9. Seconds are CPU seconds of "
    "fit and apply, the least of up to five calls in one process; memory is the rise of the peak.",
    "trueup: from arrays, with the checks of `Probabilities` and `Evidence` and the identity of "
    "every row that `prove` needs; 'trueup, evidence ready' leaves them out.",
    "plain: a NumPy script of a few lines in `cases/conformal_plain.py`, without checks.",
    f"A system is stopped after {LIMIT} s on the clock. crepes makes a p-value a class and row.",
    "RAPS: five free classes, penalty 0.01. Without chance, except for MAPIE's RAPS, which also "
    "chooses the two on a part of the rows.",
    "Intervals: forecasts f ~ N(0, 2^2), the truth f + e with e normal of spread exp(f / 8). CV+ "
    "includes the fit of five lines through the origin; plain bisects the value.",
    "CRPS: crepes gives its mean.",
)


def measure() -> None:
    """Measure and write."""
    run(case("../make_arrays"))
    rows = Beside("conformal", TASKS, PEERS, HAVE, TARGETS, dict.fromkeys(TASKS, LIMIT)).rows()
    write("conformal", "Conformal sets and intervals", rows, notes=NOTES, layout="systems")


if __name__ == "__main__":
    main(measure)
