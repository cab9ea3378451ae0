"""Oracles: the integral by brute force over rows, a root finder, and relplot's numbers."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from trueup.calibration import confidence_gap, smooth_ece
from trueup.calibration.measures.smooth_ece import smoothed
from trueup.calibration.measures.smoothing import FINE, cosines, density, integral, on_lattice
from trueup.core import Evidence, Probabilities, cube_of, score_cube
from trueup.worlds import confident_by_factor


def by_rows(y, p, sigma: float, *, points: int = 2_001) -> float:
    """The definition: reflected Gaussians at every row, on a fine grid of its own."""
    t = np.linspace(0, 1, points)
    images = [sign * p + 2 * shift for shift in range(-2, 3) for sign in (1, -1)]
    smooth = sum(norm.pdf(t[:, None], image, sigma) @ (y - p) for image in images) / len(p)
    return float(np.trapezoid(np.abs(smooth), t))


@pytest.mark.parametrize("factor", [2.0, 0.5, 1.0])
def test_value_is_the_fixed_point_of_the_definition(factor):
    e = confident_by_factor(factor, shift=0.4, rows=300, seed=2).evidence
    p, y = e.prediction.probs[:, 1], e.truth
    root = brentq(lambda sigma: by_rows(y, p, sigma) - sigma, 1e-3, 1.0, xtol=1e-6)
    assert smooth_ece(y, p).value == pytest.approx(root, rel=2e-4)


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.6])
def test_smoothing_at_a_bandwidth_equals_the_sum_over_rows(sigma):
    e = confident_by_factor(2.0, rows=300, seed=3).evidence
    p, y = e.prediction.probs[:, 1], e.truth
    cube = score_cube(e, grid=FINE)
    residual = on_lattice(cube, cube.table["y"] - cube.table["p"]).sum(axis=0)[0] / 300
    found = smoothed(cosines(residual)[None], np.array([sigma]))[0]
    assert found == pytest.approx(by_rows(y, p, sigma), rel=5e-4)


def test_lattice_keeps_mass_mean_and_reflection():
    cube = score_cube(confident_by_factor(1.0, rows=500, seed=1).evidence, grid=FINE)
    masses = on_lattice(cube, cube.table["w"]).sum(axis=0)[0]
    nodes = np.arange(1921) / 1920
    assert masses.sum() == pytest.approx(500)
    assert masses @ nodes == pytest.approx(cube.table["p"].sum())
    flat = density(cosines(masses) * (np.arange(1921) == 0))
    assert flat == pytest.approx(500) and integral(flat) == pytest.approx(500)


def test_numbers_of_relplot():
    """relplot 1.0.3: .099130 and .157420; its mesh of 200 points overstates by half a percent.

    Where every smoothed residual has one sign the integral is the confidence gap itself, exactly.
    """
    e = confident_by_factor(2.0, shift=0.3, rows=2_000, seed=7).evidence
    top = confident_by_factor(2.0, rows=2_000, classes=4, seed=7).evidence
    found = [smooth_ece(x.truth, x.prediction).value for x in (e, top)]
    assert found == pytest.approx([0.099130, 0.157420], rel=6e-3)
    gap = confidence_gap(top.truth, top.prediction).value
    assert found[1] == pytest.approx(gap, abs=1e-6)


def test_a_ready_cube_of_common_bins_is_close():
    e = confident_by_factor(2.0, shift=0.3, rows=5_000, seed=7).evidence
    want = smooth_ece(e.truth, e.prediction)
    found = smooth_ece.estimate(cube_of(e))
    assert [found.value, found.low] == pytest.approx([want.value, want.low], abs=2e-4)


def test_it_is_continuous_where_binned_errors_jump():
    """Two scores a hair apart, one on each side of a bin edge: nothing happens."""
    y = np.arange(1_000) % 2
    for eps in (0.0, 1e-6):
        p = np.where(y == 1, 0.6 - eps, 0.6 + eps)
        assert smooth_ece(y, p).value == pytest.approx(0.1, abs=1e-5)


def test_bandwidth_has_a_floor():
    p = np.repeat([0.25, 0.75], 40_000)
    y = np.r_[np.arange(40_000) % 4 == 0, np.arange(40_000) % 4 != 0].astype(int)
    assert smooth_ece(y, p).value == pytest.approx(0.0, abs=1e-9)
    assert np.isfinite(smooth_ece.estimate(smooth_ece.cube(Evidence(Probabilities(p), y))).high)
