"""Errors of forecasts against a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.windows import Windows
from trueup.error.discovery.proof import forecast_error


def stay(state, dt):
    """A model in which nothing happens."""
    return state.copy()


def test_a_field_is_judged_by_its_own_spread_even_where_a_point_hardly_moves():
    """u = sin(x) + .01 t: nearly still at every point, yet of spread 1 / sqrt(2)."""
    x, t = np.arange(64) * 2 * np.pi / 64, np.arange(41.0)[:, None]
    windows = Windows.of(np.sin(x) + 0.01 * t, dt=1.0, length=2)
    errors = forecast_error(stay, windows)
    spread = windows.states.std()
    assert errors == pytest.approx(np.tile([0.01, 0.02], (20, 1)) / spread, rel=1e-9)


def test_plain_numbers_have_units_of_their_own():
    t = np.arange(41.0)[:, None]
    one, two = (forecast_error(stay, Windows.of(np.hstack([t, factor * t]), dt=1.0))
                for factor in (1.0, 1e6))  # fmt: skip
    assert one == pytest.approx(two, rel=1e-9)
