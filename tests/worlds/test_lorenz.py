"""The systems of Lorenz against published exponents and identities of their equations."""

from __future__ import annotations

import numpy as np

from lyapunov import largest_exponent
from trueup.worlds.simulators import Lorenz63, Lorenz84, Lorenz96


def test_largest_exponent_of_1963_is_906():
    """.9056 (Sprott 2003, table 4.3, and many); chance of a false alarm below 1e-4."""
    system = Lorenz63()
    mean, error = largest_exponent(system, system.spun_up(50), dt=0.01, steps=50, times=250)
    assert error < 0.004 and abs(mean - 0.9056) < 4 * error


def test_largest_exponent_of_1996_is_about_1_67():
    """1.67 with 40 variables and F = 8: errors double in .42 units, as the paper says."""
    system = Lorenz96()
    mean, error = largest_exponent(system, system.spun_up(40), dt=0.025, steps=20, times=200)
    assert error < 0.02 and abs(mean - 1.67) < 4 * error
    assert abs(np.log(2) / mean - 0.42) < 0.02


def test_fixed_points_of_1963():
    system = Lorenz63()
    side = np.sqrt(system.beta * (system.rho - 1))
    for rest in ([0, 0, 0], [side, side, system.rho - 1], [-side, -side, system.rho - 1]):
        np.testing.assert_allclose(system.tendency(rest), 0, atol=1e-13)


def test_volumes_of_1963_shrink_at_the_rate_of_the_trace():
    """Determinant of the flow over a short time: exp(-(sigma + 1 + beta) t), exactly."""
    system = Lorenz63()
    start, tiny = system.spun_up()[0], 1e-5
    moved = system.run(start + tiny * np.vstack((np.eye(3), -np.eye(3))), 0.005, steps=40)[-1]
    volume = np.linalg.det((moved[:3] - moved[3:]) / (2 * tiny))
    np.testing.assert_allclose(np.log(volume) / 0.2, -(10 + 1 + 8 / 3), rtol=1e-5)


def test_energy_of_1984_is_that_of_forcing_and_damping():
    """``d/dt |v|^2 / 2 = -a x^2 - y^2 - z^2 + a F x + G y``: the rest is exchange without loss."""
    system = Lorenz84()
    state = system.spun_up(20)
    x, y, z = state.T
    gain = (state * system.tendency(state)).sum(axis=1)
    expected = -0.25 * x**2 - y**2 - z**2 + 0.25 * 8 * x + 1.0 * y
    np.testing.assert_allclose(gain, expected, atol=1e-12)


def test_energy_of_1996_is_that_of_forcing_and_damping():
    """Advection keeps energy at once; over long times mean(x^2) = F mean(x)."""
    system = Lorenz96()
    state = system.spun_up(10)
    carried = Lorenz96(F=0.0, damping=0.0).tendency(state)
    np.testing.assert_allclose((state * carried).sum(axis=1), 0, atol=1e-10)
    states = system.run(state, 0.05, steps=4_000, every=10)
    np.testing.assert_allclose((states**2).mean(), 8 * states.mean(), rtol=5e-3)


def test_first_waves_of_1996_grow_as_linear_theory_says():
    """About x = F a wave of k / M grows at ``F (cos(th) - cos(2 th)) - 1``, th = 2 pi k / M."""
    system = Lorenz96(F=3.0)
    ring, angle = np.arange(40), 2 * np.pi * 8 / 40
    small = 3 + 1e-7 * np.cos(angle * ring)
    grown = system.run(small, 0.01, steps=100, every=100)[-1] - 3
    rate = np.log(grown.std() / (1e-7 / np.sqrt(2)))
    assert abs(rate - (3 * (np.cos(angle) - np.cos(2 * angle)) - 1)) < 1e-6
