"""States from sparse sensors against closed forms and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import griddata

from trueup.core.errors import EvidenceError, UsageError
from trueup.error import interpolate
from trueup.error.discovery.features import _ridges


TURN = 2 * np.pi
X = np.linspace(0, TURN, 24, endpoint=False)
GRID = np.stack(np.meshgrid(X, X, indexing="ij"), axis=-1).reshape(-1, 2)


def field(places: np.ndarray) -> np.ndarray:
    x, y = places.T
    return np.stack([np.sin(2 * x - y) + 0.5 * np.cos(4 * y), 3 + np.cos(x) * np.sin(3 * y)])


@pytest.fixture(scope="module")
def places() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, TURN, (400, 2))


def error(places, method: str, **settings) -> float:
    found = interpolate(field(places), places, axes=(X, X), method=method, **settings)
    return float(np.abs(found.reshape(2, -1) - field(GRID)).max())


def test_few_waves_are_found_to_the_ridge(places):
    assert error(places, "fourier_features", periods=(TURN, TURN)) < 1e-4


@pytest.mark.parametrize("method", ["cubic", "radial_basis"])
def test_other_methods_are_close_and_farther_off(places, method):
    off = error(places, method, periods=(TURN, TURN))
    assert error(places, "fourier_features", periods=(TURN, TURN)) < off < 0.7


def test_a_dimension_without_a_period_needs_none(places):
    axis = np.linspace(0, TURN, 25)
    found = interpolate(field(places), places, axes=(X, axis), periods=(TURN, None))
    points = np.stack(np.meshgrid(X, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    assert np.abs(found.reshape(2, -1) - field(points)).max() < 0.05


def test_cubic_is_scipy_s_griddata_inside(places):
    inner = np.linspace(places.min(), places.max(), 8)
    found = interpolate(field(places)[0], places, axes=(inner, inner), method="cubic")
    points = np.stack(np.meshgrid(inner, inner, indexing="ij"), axis=-1)
    wanted = griddata(places, field(places)[0], points, method="cubic")
    known = np.isfinite(wanted)
    assert known.sum() > 30
    assert found[known] == pytest.approx(wanted[known], abs=1e-5)


def test_both_equations_of_the_ridge_agree():
    rng = np.random.default_rng(1)
    wide, y = rng.normal(size=(30, 50)), rng.normal(size=(3, 30))
    ((_, found),) = _ridges(wide, y, (0.1,))
    ridge = 0.1 + 1e-13 * 30
    assert found == pytest.approx(np.linalg.solve(wide.T @ wide + ridge * np.eye(50), wide.T @ y.T))
    ((_, tall),) = _ridges(wide.T, rng.normal(size=(2, 50)), (0.1,))
    assert tall.shape == (30, 2)


def test_noise_of_the_sensors_is_not_followed(places):
    """Noise of sd .1 over 400 sensors and few waves: the error falls below that of one sensor."""
    rng = np.random.default_rng(2)
    seen = field(places) + 0.1 * rng.normal(size=(2, 400))
    found = interpolate(seen, places, axes=(X, X), periods=(TURN, TURN))
    assert np.sqrt(np.mean((found.reshape(2, -1) - field(GRID)) ** 2)) < 0.1


def test_states_keep_their_axes_and_scale(places):
    seen = np.stack([field(places), 1e6 * field(places)])
    found = interpolate(seen, places, axes=(X, X), periods=(TURN, TURN))
    assert found.shape == (2, 2, 24, 24)
    assert found[1] == pytest.approx(1e6 * found[0], rel=1e-6, abs=1)


def test_changes_within_a_window_have_a_ridge_of_their_own():
    """Windows whose states hardly differ: changes drowned by noise are smoothed, means are not."""
    rng = np.random.default_rng(4)
    places = rng.uniform(0, TURN, (400, 2))

    def states(where: np.ndarray) -> np.ndarray:
        size = np.array([1.0, 1.02])[:, None]
        return field(where)[:, None] * size

    seen = states(places) + 0.01 * rng.normal(size=(2, 2, 400))
    settings = {"axes": (X, X), "periods": (TURN, TURN)}
    wanted = states(GRID)[:, 1] - states(GRID)[:, 0]
    off = {}
    for windows in (False, True):
        found = interpolate(seen, places, windows=windows, **settings).reshape(2, 2, -1)
        off[windows] = np.sqrt(np.mean((found[:, 1] - found[:, 0] - wanted) ** 2))
    assert off[True] < off[False] < 0.02


def test_filled_windows_add_up_for_methods_that_choose_nothing(places):
    seen = np.stack([field(places), 2 * field(places) ** 2], axis=1)
    settings = {"axes": (X, X), "periods": (TURN, TURN), "method": "cubic"}
    one, two = (interpolate(seen, places, windows=windows, **settings) for windows in (False, True))
    assert one == pytest.approx(two, abs=1e-4)


def test_a_place_that_nothing_predicts_does_not_choose_for_the_others():
    """A patch of waves too short for the sensors; elsewhere long waves under noise."""
    rng = np.random.default_rng(5)
    places = rng.uniform(0, TURN, (500, 2))
    patch = places[:, 0] < 0.6
    seen = np.sin(places[:, 1]) + 0.05 * rng.normal(size=500) + patch * 3 * rng.normal(size=500)
    found = interpolate(seen, places, axes=(X, X), periods=(TURN, TURN))
    far = (X > 1.6) & (X < TURN - 1.0)
    assert np.sqrt(np.mean((found - np.sin(X))[far] ** 2)) < 0.05


def test_a_plain_network_learns_long_waves_alone():
    pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    places = rng.uniform(0, 1, (300, 1))
    axis = np.linspace(0, 1, 200, endpoint=False)
    for waves, network_fails in ((1, False), (12, True)):
        seen, wanted = np.sin(TURN * waves * places[:, 0]), np.sin(TURN * waves * axis)
        plain, ours = (interpolate(seen, places, axes=(axis,), periods=(1.0,), method=method)
                       for method in ("network", "fourier_features"))  # fmt: skip
        off = [float(np.sqrt(np.mean((found - wanted) ** 2))) for found in (plain, ours)]
        assert off[1] < 0.01
        assert (off[0] > 0.3) == network_fails


def test_what_cannot_be_filled_is_an_error(places):
    seen = field(places)
    with pytest.raises(EvidenceError, match="10 sensors"):
        interpolate(seen[:, :10], places[:10], axes=(X, X))
    with pytest.raises(EvidenceError, match="number 3"):
        interpolate(np.where(np.arange(400) == 3, np.nan, seen), places, axes=(X, X))
    with pytest.raises(EvidenceError, match="outside"):
        interpolate(seen, places + 1, axes=(X, X), periods=(TURN, TURN))
    with pytest.raises(EvidenceError, match="values have shape"):
        interpolate(seen[:, 1:], places, axes=(X, X))
    with pytest.raises(EvidenceError, match="one of each"):
        interpolate(seen, places, axes=(X,))
    with pytest.raises(EvidenceError, match="time within a window"):
        interpolate(seen, places, axes=(X, X), periods=(TURN, TURN), windows=True)
    with pytest.raises(UsageError, match="method is 'linear'"):
        interpolate(seen, places, axes=(X, X), method="linear")
