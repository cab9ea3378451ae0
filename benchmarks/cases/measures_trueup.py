"""Eight measures with intervals from arrays in memory: ``measures_trueup.py PATH``."""

from __future__ import annotations

import sys

from binary_arrays import read
from clock import Clock, tell

import trueup as tu
from trueup.core.cube import cube_of


MEASURES = (
    tu.calibration.accuracy,
    tu.calibration.log_loss,
    tu.calibration.brier,
    tu.calibration.auc,
    tu.calibration.ece,
    tu.calibration.noise_floor,
    tu.calibration.calibration_error,
    tu.calibration.confidence_gap,
)
DECOMPOSITION = (
    tu.calibration.miscalibration,
    tu.calibration.discrimination,
    tu.calibration.uncertainty,
)


if __name__ == "__main__":
    y, p = read(sys.argv[1])
    # Nothing before the clock is part of the work: neither the import nor the reading of the file.
    with Clock() as clock:
        with Clock() as building:
            cube = cube_of(tu.Evidence(tu.Probabilities(p), y))
        found = {measure.name: measure.estimate(cube) for measure in MEASURES}
    with Clock() as corp:
        found |= {measure.name: measure.estimate(cube) for measure in DECOMPOSITION}
    tell(
        clock,
        cube_cpu=building.cpu,
        decomposition_cpu=corp.cpu,
        values={name: e.value for name, e in found.items()},
        intervals={name: [e.low, e.high] for name, e in found.items()},
    )
