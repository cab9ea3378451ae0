"""Windows of arrays and of xarray, and the mesh that an xarray stands on."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
import xarray as xr

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.windows import Windows, seconds
from trueup.error import Mesh, products


STATES = np.random.default_rng(0).normal(size=(21, 8, 6))
AXES = {"time": np.arange(21) * 0.5, "x": np.arange(8) * 0.25, "y": np.arange(6) * 2.0}
FIELD = xr.DataArray(STATES, AXES, ("time", "x", "y"), name="u")


@pytest.mark.parametrize("dims", [("time", "x", "y"), ("x", "time", "y"), ("x", "y", "time")])
def test_time_may_stand_anywhere(dims):
    found = Windows.of(FIELD.transpose(*dims), length=4)
    assert np.array_equal(found.states, Windows.of(STATES, dt=0.5, length=4).states)
    assert found.dt == 0.5 and found.starts[1] == 2.0


def test_variables_become_components_in_front():
    both = xr.Dataset({"u": FIELD, "v": 2 * FIELD.transpose("y", "time", "x")})
    found = Windows.of(both.transpose("x", "y", "time"))
    assert found.shape == (2, 8, 6)
    assert np.array_equal(found.states[:, :, 1], 2 * found.states[:, :, 0])
    assert Windows.of(FIELD.to_dataset()).shape == (8, 6)


def test_dates_are_seconds():
    hours = np.datetime64("2024-02-28", "ns") + np.arange(21) * np.timedelta64(6, "h")
    assert Windows.of(FIELD.assign_coords(time=hours)).dt == 21_600.0
    waits = np.arange(21) * np.timedelta64(250, "ms")
    assert Windows.of(FIELD.assign_coords(time=waits)).dt == 0.25


def test_dates_that_are_objects_are_seconds():
    days = [datetime(2024, 2, 27) + i * timedelta(days=1) for i in range(4)]
    assert seconds(np.array(days, dtype=object)).tolist() == [0.0, 86_400.0, 172_800.0, 259_200.0]


def test_a_mesh_is_read_from_coordinates():
    mesh = Mesh.of(FIELD.transpose("x", "time", "y"), periodic=(True, False))
    assert mesh == Mesh((0.25, 2.0), ("x", "y"), (True, False), points=(8, 6))
    assert Mesh.of(xr.Dataset({"u": FIELD[:, :, 0], "v": FIELD[:, :, 1]}, {"y": 0})).points == (8,)
    rounded = FIELD.assign_coords(x=(1000 + np.arange(8) / 3).astype(np.float32))
    assert Mesh.of(rounded).spacing[0] == pytest.approx(1 / 3, rel=1e-4)


def test_states_of_another_mesh_are_refused():
    library = products(Mesh.of(FIELD), powers=1, orders=1)
    with pytest.raises(UsageError, match=r"shape \(6, 8\), the mesh has \(8, 6\) points"):
        library.state_shape(Windows.of(FIELD.transpose("time", "y", "x")).shape)


@pytest.mark.parametrize(("run", "message"), [
    (FIELD.rename(time="t"), r"dimensions are \('t', 'x', 'y'\); one of them must be 'time'"),
    (FIELD.assign_coords(time=np.r_[np.arange(20), 25.0]), "not evenly spaced: 1 .* 6 after state"),
    (xr.Dataset({"u": FIELD, "v": FIELD[:, 0]}), "the variables have dimensions"),
])  # fmt: skip
def test_a_run_that_makes_no_windows(run, message):
    with pytest.raises(EvidenceError, match=message):
        Windows.of(run)


@pytest.mark.parametrize(("field", "message"), [
    (FIELD.drop_vars("x"), "dimension 'x' of 8 points has no coordinates"),
    (FIELD.assign_coords(x=np.arange(8) ** 2.0), "coordinates of 'x' are not even and rising"),
    (FIELD.isel(y=slice(None, None, -1)), "coordinates of 'y' are not even and rising: -2 betw"),
    (FIELD[:, :1], "dimension 'x' of 1 points"),
])  # fmt: skip
def test_coordinates_that_make_no_mesh(field, message):
    with pytest.raises(EvidenceError, match=message):
        Mesh.of(field)
