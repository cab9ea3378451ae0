"""Oracles: a double loop, and netcal's number."""

import numpy as np
import pytest

from trueup.calibration import MaximumMeanCalibrationError, mmce
from trueup.core import UsageError
from trueup.worlds import confident_by_factor


def by_loop(y, p, h: float, w=None) -> float:
    """All pairs, i = j too."""
    w = np.ones(len(p)) if w is None else w
    total = sum(
        w[i] * w[j] * (y[i] - p[i]) * (y[j] - p[j]) * np.exp(-abs(p[i] - p[j]) / h)
        for i in range(len(p)) for j in range(len(p))
    )  # fmt: skip
    return float(np.sqrt(total) / w.sum())


@pytest.mark.parametrize("h", [0.05, 0.4, 2.0])
def test_equals_a_double_loop(h):
    e = confident_by_factor(2.0, rows=120, seed=1).evidence
    p, w = e.prediction.probs[:, 1], np.random.default_rng(0).exponential(size=120)
    found = MaximumMeanCalibrationError(bandwidth=h)(e.truth, p, weight=w).value
    assert found == pytest.approx(by_loop(e.truth, p, h, w), rel=2e-3)
    on_nodes = np.round(p * 1920) / 1920
    found = MaximumMeanCalibrationError(bandwidth=h)(e.truth, on_nodes).value
    assert found == pytest.approx(by_loop(e.truth, on_nodes, h), rel=1e-9)


def test_number_of_netcal():
    """netcal 1.4.0, top label of four classes: .13122559."""
    e = confident_by_factor(2.0, rows=2_000, classes=4, seed=7).evidence
    assert mmce(e.truth, e.prediction).value == pytest.approx(0.13122559, abs=3e-6)


def test_settings_that_make_no_sense():
    with pytest.raises(UsageError, match="mmce: bandwidth is 0"):
        MaximumMeanCalibrationError(bandwidth=0.0)
