"""CORP decomposition of the Brier score: ``measures_decomposition.py PATH``."""

from __future__ import annotations

import sys

import numpy as np
from binary_arrays import read
from clock import Clock, tell
from model_diagnostics.scoring import SquaredError, decompose


if __name__ == "__main__":
    y, p = read(sys.argv[1])
    y = y.astype(np.float64)
    with Clock() as clock:
        found = decompose(y, p, scoring_function=SquaredError())
    names = ("miscalibration", "discrimination", "uncertainty")
    tell(clock, values={name: float(found[name][0]) for name in names})
