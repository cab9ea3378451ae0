"""Meshes whose ends do not meet: what is left out, and what is weighed apart."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.windows import Windows
from trueup.error import Discovery, Mesh, functions
from trueup.error.discovery import grams


def test_points_are_left_out_at_ends_that_do_not_meet():
    mesh = Mesh((1.0, 1.0), periodic=(False, True), edge=3)
    keep, bands, each = grams.projection(mesh, (2, 22, 16), np.inf)
    assert keep[3:19].all() and keep.sum() == 16 * 16
    assert each == 2 * 2  # stretches of eight points or more
    assert np.bincount(bands).tolist() == [64] * 8
    assert np.array_equal(np.unique(bands[:256].reshape(16, 16)[:8, :8]), [0])


def test_the_ends_of_both_dimensions_are_left_out_where_neither_meets():
    keep, bands, each = grams.projection(
        Mesh((1.0, 1.0), periodic=(False, False), edge=2), (1, 9, 10), np.inf
    )
    assert keep.sum() == 5 * 6 and each == 1 and not bands.any()


@pytest.fixture(scope="module")
def windows() -> Windows:
    """u' = u / 2 beside a still model; a third of the mesh is a hundred times as noisy."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 96)
    waves = rng.normal(size=(40, 6)) @ np.cos(np.pi * np.arange(6)[:, None] * x)
    noise = np.where(x < 1 / 3, 0.3, 0.003)
    later = waves * np.exp(0.05) + noise * rng.normal(size=waves.shape)
    return Windows(np.stack([waves, later], axis=1), 0.1)


def fitted(windows: Windows):
    calls = {"u": lambda s: s[:, 0], "u^2": lambda s: s[:, 0] ** 2, "u^3": lambda s: s[:, 0] ** 3}
    library = functions(calls, mesh=Mesh((1 / 95,), periodic=(False,)))
    return Discovery(library, target="plain").fit(lambda state, dt: state, windows)


def test_noisy_parts_of_a_mesh_count_less(windows, monkeypatch):
    found = fitted(windows)
    (term,) = found.terms
    assert term.name == "u" and term.low < 0.5 < term.high
    monkeypatch.setattr(grams, "STRETCHES", 1)
    even = fitted(windows).terms[0]
    assert term.high - term.low < 0.2 * (even.high - even.low)
