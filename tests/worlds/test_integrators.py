"""Orders of convergence are measured, not believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from trueup.worlds.simulators import Burgers, KuramotoSivashinsky, Line, Lorenz63, ThreeBody
from trueup.worlds.simulators.arrays import arrays_of
from trueup.worlds.simulators.integrators import INTEGRATORS, Leapfrog
from trueup.worlds.simulators.integrators.etdrk4 import coefficients


def exact(system, state, time):
    """The state by a solver of SciPy, of order 8, to 12 digits."""
    done = solve_ivp(
        lambda t, u: system.tendency(u.reshape(system.shape)).ravel(),
        (0, time), state.ravel(), method="DOP853", rtol=1e-12, atol=1e-13,
    )  # fmt: skip
    return done.y[:, -1].reshape(system.shape)


def orders(system, state, time, counts):
    """log2 of the ratio of errors when the step is halved."""
    truth = exact(system, state, time)
    errors = [
        np.abs(system.run(state, time / n, steps=n, every=n)[-1] - truth).max() for n in counts
    ]
    return np.log2(np.divide(errors[:-1], errors[1:]))


LINE = KuramotoSivashinsky(grid=Line(points=32, length=22.0))
FRONT = Burgers(grid=Line(points=64, length=2 * np.pi))
SWAY = LINE.spun_up(2)[1]  # the first start is odd in x and stays so
WINGS = Lorenz63().spun_up()[0]


@pytest.mark.parametrize(("name", "system", "state", "steps"), [
    ("rk4", Lorenz63(), WINGS, 100),
    ("etdrk4", Lorenz63(), WINGS, 100),
    ("cnab2", Lorenz63(), WINGS, 200),
    ("rk4", FRONT, FRONT.initial(2, seed=3)[1], 40),
    ("etdrk4", LINE, SWAY, 80),
    ("cnab2", LINE, SWAY, 80),
])  # fmt: skip
def test_measured_order_is_the_claimed_one(name, system, state, steps):
    system = replace(system, integrator=name)
    found = orders(system, state, 1.0, (steps, 2 * steps, 4 * steps))
    assert np.abs(found - INTEGRATORS[name].order).max() < 0.25, found


def test_leapfrog_is_of_order_2_without_its_filter_and_of_1_with_it():
    for strength, order in ((0.0, 2), (0.04, 1)):
        system = Lorenz63(integrator=Leapfrog(filter=strength))
        found = orders(system, WINGS, 0.3, (1600, 3200, 6400))
        assert np.abs(found - order).max() < 0.2, found


def test_yoshida_is_of_order_4():
    system = ThreeBody()
    found = orders(system, system.initial()[0], 2.0, (100, 200, 400))
    assert np.abs(found - 4).max() < 0.25, found


def test_stiff_etdrk4_falls_to_order_3_and_comes_back():
    """Known of it: on 1024 points the stiff waves cost an order until dt is below .005."""
    system = KuramotoSivashinsky(grid=Line(points=128, length=60.0))
    state = system.spun_up()[0]
    truth = system.run(state, 0.0005, steps=1000, every=1000)[-1]
    errors = [
        np.abs(system.run(state, 0.5 / n, steps=n, every=n)[-1] - truth).max()
        for n in (5, 10, 80, 160)
    ]
    assert 2.7 < np.log2(errors[0] / errors[1]) < 3.5
    assert np.log2(errors[2] / errors[3]) > 3.6


def test_coefficients_are_those_of_many_digits():
    """Means over the circle against Taylor series of phi functions, near and far from 0."""
    system = KuramotoSivashinsky(grid=Line(points=64, length=100.0))
    dt = 0.1
    z = dt * system.linear()
    made = coefficients(system, dt, arrays_of(np.zeros(1)))
    small = np.abs(z) < 0.5
    series = {}
    for index in (1, 2, 3):  # phi_k(z) = sum z^n / (n + k)!
        terms = np.zeros_like(z[small])
        for n in range(30, -1, -1):
            terms = terms * z[small] + 1 / float(np.prod(np.arange(1.0, n + index + 1)))
        series[index] = terms
    phi1, phi2, phi3 = series[1], series[2], series[3]
    np.testing.assert_allclose(made[2][small], dt * (phi1 - 3 * phi2 + 4 * phi3), rtol=1e-11)
    np.testing.assert_allclose(made[3][small], dt * 2 * (phi2 - 2 * phi3), rtol=1e-11)
    np.testing.assert_allclose(made[4][small], dt * (4 * phi3 - phi2), rtol=1e-11, atol=1e-15)
    far = np.abs(z) > 2
    np.testing.assert_allclose(made[1][far], dt * (np.exp(z / 2) - 1)[far] / z[far], rtol=1e-12)


def test_etdrk4_without_a_linear_part_is_rk4():
    state = Lorenz63().spun_up(3)
    np.testing.assert_allclose(
        Lorenz63(integrator="etdrk4").step(state, 0.01), Lorenz63().step(state, 0.01), rtol=1e-13
    )


def test_a_linear_part_alone_is_exact():
    system = KuramotoSivashinsky(u_ux=0.0, extra={"u_xxx": 0.7}, grid=Line(32, 20.0))
    rng = np.random.default_rng(0)
    state = rng.normal(size=32)
    modes = np.fft.rfft(state) * np.exp(0.8 * system.linear())
    np.testing.assert_allclose(system.step(state, 0.8), np.fft.irfft(modes, 32), atol=1e-11)


def test_one_step_of_cnab2_from_two_states_by_hand():
    """As in the reference set-up: u(t - dt), u(t) -> u(t + dt), written out with complex FFTs."""
    system = KuramotoSivashinsky(
        0.5, 2.0, 1.5, extra={"u_xxx": 0.3, "u^2 u_x": 0.2}, grid=Line(64, 22.0), integrator="cnab2"
    )
    rng = np.random.default_rng(1)
    waves = np.cos(2 * np.pi * np.outer(np.arange(1, 6), system.x) / 22)
    before, now = rng.normal(size=(2, 5)) @ waves
    dt, k = 0.005, 2 * np.pi * np.fft.fftfreq(64, 22 / 64)
    growth = 2 * k**2 - 1.5 * k**4 + 0.3j * k**3
    growth[32] = growth[32].real

    def slope(u):
        return -1j * k * np.fft.fft(0.5 * u**2 / 2 + 0.2 * u**3 / 3)

    made = (
        (1 + dt / 2 * growth) * np.fft.fft(now) + 1.5 * dt * slope(now) - 0.5 * dt * slope(before)
    )
    by_hand = np.fft.ifft(made / (1 - dt / 2 * growth)).real
    np.testing.assert_allclose(system.step(now, dt, previous=before), by_hand, atol=1e-13)


@pytest.mark.parametrize("name", ["cnab2", "leapfrog"])
def test_a_run_of_two_levels_is_steps_that_are_told_the_state_before(name):
    system = replace(LINE, integrator=Leapfrog(filter=0.0) if name == "leapfrog" else name)
    dt = 0.01
    first = system.step(SWAY, dt)
    second = system.step(first, dt, previous=SWAY)
    third = system.step(second, dt, previous=first)
    np.testing.assert_allclose(
        system.run(SWAY, dt, steps=3), [SWAY, first, second, third], atol=1e-12
    )
