"""Scores spread over a lattice of [0, 1], where smoothing is a product of cosine coefficients.

A kernel that is reflected at both ends of [0, 1], again and again, is diagonal in cosines: the
smoothed density of masses ``m_j`` at ``x_j`` is ``c_0 + 2 sum_k c_k f(pi k) cos(pi k t)`` with
``c_k = sum_j m_j cos(pi k x_j)`` and f the characteristic function of the kernel.
"""

from __future__ import annotations

import numpy as np

from trueup.core.cube import Cube
from trueup.core.grid import Grid


STEPS = 1920
"""Steps of the lattice; 1 / 1920 is a fifth of the narrowest kernel that is used."""

FINE = Grid(STEPS, 1)
"""The bins that smoothing wants. Other cubes serve, too, as finely as their bins allow."""

FREQUENCY = np.pi * np.arange(STEPS + 1)


def on_lattice(cube: Cube, *columns: np.ndarray) -> np.ndarray:
    """(groups, len(columns), 1921) masses; a bin is split between the nodes beside its mean score.

    Splitting keeps the mass and the mean of every bin, so the error is of second order in its
    width.
    """
    w, p = cube.table["w"].sum(axis=0), cube.table["p"].sum(axis=0)
    place = np.clip(np.divide(p, w, out=np.zeros_like(w), where=w > 0), 0.0, 1.0) * STEPS
    values = np.stack(columns, axis=1)
    masses = np.zeros((*values.shape[:2], STEPS + 1))
    if cube.grid == FINE:  # a bin lies between its own two nodes
        right = np.where(w > 0, place - np.arange(STEPS), 0.0)
        masses[..., :-1] = values * (1 - right)
        masses[..., 1:] += values * right
        return masses
    node = np.minimum(place.astype(np.int64), STEPS - 1)
    right = place - node
    np.add.at(masses, (slice(None), slice(None), node), values * (1 - right))
    np.add.at(masses, (slice(None), slice(None), node + 1), values * right)
    return masses


def cosines(masses: np.ndarray) -> np.ndarray:
    """(..., 1921) coefficients ``sum_j m_j cos(pi k x_j)``."""
    from scipy.fft import dct

    halved = masses / 2
    halved[..., [0, -1]] = masses[..., [0, -1]]
    return dct(halved, type=1)


def density(coefficients: np.ndarray) -> np.ndarray:
    """(..., m) values at m even points of the function with m cosine coefficients."""
    from scipy.fft import dct

    return dct(coefficients, type=1)


def integral(values: np.ndarray) -> np.ndarray:
    """(...) integral over [0, 1] of values on an even lattice, by trapezoids."""
    ends = (values[..., 0] + values[..., -1]) / 2
    return (values[..., 1:-1].sum(axis=-1) + ends) / (values.shape[-1] - 1)
