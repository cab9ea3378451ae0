"""Equations on a line against closed forms, invariants and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ive

from lyapunov import largest_exponent
from trueup.worlds.simulators import Burgers, KuramotoSivashinsky, Line, SwiftHohenberg


def test_burgers_is_the_solution_of_cole_and_hopf():
    """From -sin(x): ``u = -2 nu phi_x / phi``, phi's Fourier coefficients are Bessel functions.

    ``phi(x, 0) = exp(-cos(x) / (2 nu))`` decays mode by mode at the rate ``nu n^2``.
    """
    nu, time = 0.05, 1.5
    system = Burgers(nu=nu, grid=Line(points=512, length=2 * np.pi))
    n = np.arange(1, 400)
    size = ive(n, 1 / (2 * nu)) * np.exp(-nu * n**2 * time) * (-1.0) ** n
    phi = ive(0, 1 / (2 * nu)) + 2 * np.cos(np.outer(system.x, n)) @ size
    slope = -2 * np.sin(np.outer(system.x, n)) @ (n * size)
    exact = -2 * nu * slope / phi
    found = system.run(system.initial()[0], 0.0025, steps=600, every=600)[-1]
    np.testing.assert_allclose(found, exact, atol=2e-9)


@pytest.mark.parametrize("extra", [{}, {"u_xxx": 0.5, "u^2 u_x": 0.225}])
def test_mean_is_kept_to_rounding(extra):
    """All terms of the equation are derivatives of something."""
    system = KuramotoSivashinsky(extra=extra, grid=Line(points=128, length=50.0))
    state = system.initial(4, seed=1) + 0.3
    found = system.run(state, 0.02, steps=2000, every=500).mean(axis=2)
    np.testing.assert_allclose(found, 0.3, atol=1e-12)


def test_ks_gains_from_long_waves_what_short_waves_lose():
    """``d/dt mean(u^2) / 2 = mean(u_x^2) - mean(u_xx^2)``: advection moves energy only."""
    system = KuramotoSivashinsky()
    state = system.spun_up(2)
    modes = np.fft.rfft(state)
    u_x, u_xx = (np.fft.irfft(system.grid.symbol(d) * modes) for d in (1, 2))
    gain = (state * system.tendency(state)).mean(axis=1)
    np.testing.assert_allclose(gain, (u_x**2 - u_xx**2).mean(axis=1), atol=1e-12)


def test_ks_moves_with_a_moving_frame():
    """Galilean: with c added everywhere the same solution runs along at speed c."""
    system = KuramotoSivashinsky(grid=Line(points=128, length=32.0))
    state = system.spun_up(2)[1]
    steps, dt = 400, 0.005
    speed = 8 * 32.0 / 128 / (steps * dt)  # eight points in all
    still = system.run(state, dt, steps=steps, every=steps)[-1]
    moved = system.run(state + speed, dt, steps=steps, every=steps)[-1] - speed
    np.testing.assert_allclose(moved, np.roll(still, 8), atol=2e-7)


def test_spread_of_ks_is_1_32():
    """Standard deviation on a length of 100, as the reference set-up has it; 16 x 400 units."""
    system = KuramotoSivashinsky(grid=Line(points=128, length=100.0))
    states = system.run(system.spun_up(16), 0.1, steps=4_000, every=100)
    assert abs(states.std() - 1.32) < 0.02


def test_largest_exponent_of_ks_on_a_length_of_22():
    """.048 (Cvitanovic, Davidchack, Siminos 2010); chance of a false alarm below 1e-4."""
    system = KuramotoSivashinsky(grid=Line(points=32, length=22.0))
    mean, error = largest_exponent(system, system.spun_up(41)[1:], dt=0.2, steps=25, times=160)
    assert error < 0.002 and abs(mean - 0.048) < 4 * error


def test_terms_are_what_their_names_say():
    """Every kind of term against spectral derivatives, term by term; products are not aliased."""
    grid = Line(points=128, length=22.0)
    rng = np.random.default_rng(0)
    phase = 2 * np.pi * rng.random(6)[:, None]
    u = np.cos(2 * np.pi * np.arange(1, 7)[:, None] * grid.x / 22 + phase).sum(axis=0)
    for name, power, order in [
        ("u", 0, 0), ("u^2", 1, 0), ("u^4", 3, 0), ("u_x", 0, 1), ("u u_x", 1, 1),
        ("u^3 u_x", 3, 1), ("u_xxx", 0, 3), ("u u_xx", 1, 2), ("u^2 u_xxx", 2, 3), ("u_xxxx", 0, 4),
    ]:  # fmt: skip
        system = KuramotoSivashinsky(0.0, 0.0, 0.0, extra={name: 0.7}, grid=grid)
        slope = np.fft.irfft(grid.symbol(order) * np.fft.rfft(u))
        expected = -0.7 * u**power * slope
        np.testing.assert_allclose(system.tendency(u), expected, atol=1e-10 * np.ptp(expected))


def test_a_term_in_extra_adds_to_that_of_the_equation():
    state = KuramotoSivashinsky().initial()
    made = KuramotoSivashinsky(u_xx=0.4, extra={"u_xx": 0.6}).tendency(state)
    np.testing.assert_allclose(made, KuramotoSivashinsky().tendency(state), atol=1e-9)


def test_swift_hohenberg_grows_stripes_as_theory_says():
    """Growth rate ``r - (1 - k^2)^2`` of a small wave; amplitude ``2 sqrt(r/3)`` near onset."""
    system = SwiftHohenberg(r=0.01, grid=Line(points=64, length=16 * np.pi))
    for wave in (7, 8, 9):
        small = 1e-6 * np.cos(wave / 8 * system.x)
        grown = system.run(small, 0.1, steps=100, every=100)[-1]
        rate = np.log(grown.std() / small.std()) / 10
        assert abs(rate - (0.01 - (1 - (wave / 8) ** 2) ** 2)) < 1e-9
    settled = system.run(0.05 * np.cos(system.x), 0.5, steps=4000, every=4000)[-1]
    amplitude = 2 * np.abs(np.fft.rfft(settled))[8] / 64
    assert abs(amplitude / (2 * np.sqrt(0.01 / 3)) - 1) < 1e-3


def test_swift_hohenberg_goes_down_its_potential():
    """``u_t = -dF/du`` with F of the paper: F never rises, and falls at the rate mean(u_t^2)."""
    system = SwiftHohenberg(b=0.4)

    def potential(u):
        bent = np.fft.irfft((1 + system.grid.symbol(2)) * np.fft.rfft(u))
        return (-0.3 * u**2 / 2 + bent**2 / 2 - 0.4 * u**3 / 3 + u**4 / 4).mean(axis=-1)

    states = system.run(system.initial(3), 0.05, steps=400)
    falls = np.diff(potential(states), axis=0)
    assert (falls < 0).all()
    rates = np.array([(system.tendency(state) ** 2).mean(axis=-1) for state in states])
    expected = -0.025 * (rates[200:-1] + rates[201:])
    np.testing.assert_allclose(falls[200:], expected, rtol=2e-3)
