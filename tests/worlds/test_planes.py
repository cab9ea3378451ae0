"""Flows in a plane against waves and decays known in closed form, and budgets of energy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trueup.worlds.simulators import Channel, NavierStokes, Plane, QuasiGeostrophic
from trueup.worlds.simulators.arrays import arrays_of
from trueup.worlds.simulators.integrators import Leapfrog


ARRAYS = arrays_of(np.zeros(1))
BARE = Channel(nx=32, ny=48)
FREE = QuasiGeostrophic(tau_d=0.0, tau_f=0.0, nu=0.0, channel=BARE)


class Open(Channel):
    """A channel without sponge, for waves that go all around."""

    @property
    def sponge(self):
        return np.zeros(self.ny)


def wave(system, kx, ky, layers):
    """(2, ny, nx) cosine of ``kx`` and ``ky`` periods with an amplitude in each layer."""
    phase = 2 * np.pi * (
        kx * system.x / system.channel.length_x
        + ky * system.y[:, None] / system.channel.length_y
    )  # fmt: skip
    return np.cos(phase) * np.array(layers)[:, None, None]


def random_field(plane, seed, shape=()):
    """Smooth random values."""
    waves = np.fft.rfft2(np.random.default_rng(seed).normal(size=(*shape, *plane.shape)))
    scale = (2 * np.pi / plane.length_x * plane.nx / 8) ** 2
    return np.fft.irfft2(waves * np.exp(plane.laplacian / scale), plane.shape)


def test_jacobian_is_the_product_of_derivatives():
    """Of fields with few waves, whose products the grid still shows, point by point."""
    plane = Plane(nx=48, ny=64, length_x=5.0, length_y=7.0)
    rng = np.random.default_rng(0)
    field = []
    for _ in range(2):
        modes = np.zeros((64, 25), complex)
        modes[:6, :6] = rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6))
        field.append(np.fft.rfft2(np.fft.irfft2(modes, plane.shape)))
    a, b = field

    def at(modes):
        return np.fft.irfft2(modes, plane.shape)

    by_hand = at(plane.d_dx * a) * at(plane.d_dy * b) - at(plane.d_dy * a) * at(plane.d_dx * b)
    np.testing.assert_allclose(at(plane.jacobian(a, b, ARRAYS)), by_hand, atol=1e-12)


def test_jacobian_keeps_mean_energy_and_enstrophy_of_rough_fields():
    plane = Plane(nx=32, ny=48)
    psi, q = (np.fft.rfft2(f) for f in np.random.default_rng(1).normal(size=(2, 48, 32)))
    for modes in (psi, q):  # the shortest waves take no part
        modes[24] = 0
        modes[:, 16] = 0
    made = np.fft.irfft2(plane.jacobian(psi, q, ARRAYS), plane.shape)
    for weight in (1.0, np.fft.irfft2(psi, plane.shape), np.fft.irfft2(q, plane.shape)):
        assert abs((weight * made).mean()) < 1e-11 * np.abs(made).max()


@pytest.mark.parametrize(("layers", "stretch"), [((1.0, 1.0), 0.0), ((1.0, -1.0), 2.0)])
def test_rossby_waves_have_their_speed(layers, stretch):
    """One wave is a solution of the whole equation: speed ``-beta / (K^2 + 0 or 2)`` westward."""
    channel = Open(nx=32, ny=48)
    system = replace(FREE, channel=channel, integrator="rk4")
    psi = 0.05 * wave(system, 3, 4, layers)  # large ones amplify rounding: they are unstable
    k = 2 * np.pi * np.array([3 / channel.length_x, 4 / channel.length_y])
    speed = -system.beta / (k @ k + stretch)
    points = 5
    time = points * channel.length_x / channel.nx / -speed
    state = system.from_streamfunction(psi)
    found = system.streamfunction(system.run(state, time / 200, steps=200, every=200)[-1])
    np.testing.assert_allclose(found, np.roll(psi, -points, axis=-1), atol=1e-9)


def test_leapfrog_rossby_waves_are_what_theory_says():
    """Without filter a step turns by ``th``, ``sin(th) = w dt``; the first step adds a wiggle.

    ``u_n = (1 + cos(th)) / (2 cos(th)) e^{i n th} + (the rest of 1) (-1)^n e^{-i n th}``.
    """
    system = replace(FREE, channel=Open(nx=32, ny=48), integrator=Leapfrog(filter=0.0))
    state = system.from_streamfunction(wave(system, 3, 4, (0.01, 0.01)))
    k = 2 * np.pi * np.array([3 / system.channel.length_x, 4 / system.channel.length_y])
    dt, steps = 0.5, 201
    angle = np.arcsin(system.beta * k[0] / (k @ k) * dt)
    share = (1 + np.cos(angle)) / (2 * np.cos(angle))
    turns = np.exp(1j * steps * angle)
    expected = share * turns + (1 - share) * (-1) ** steps / turns
    found = np.fft.rfft2(system.run(state, dt, steps=steps, every=steps)[-1][0])[4, 3]
    np.testing.assert_allclose(found / np.fft.rfft2(state[0])[4, 3], expected, atol=1e-10)


def test_inverting_vorticity_is_exact():
    psi = random_field(BARE, 2, (3, 2))
    psi -= psi.mean(axis=(1, 2, 3), keepdims=True)
    system = QuasiGeostrophic(channel=BARE)
    np.testing.assert_allclose(
        system.streamfunction(system.from_streamfunction(psi)), psi, atol=1e-13
    )


def test_quasi_geostrophic_energy_changes_by_friction_and_relaxation_alone():
    """``E = mean(|grad psi|^2 + (psi_1 - psi_2)^2 / 2) / 2``; its change from the tendency."""
    channel = Open(nx=32, ny=48)
    psi = 0.5 * random_field(channel, 3, (2,))
    for rates in ({}, {"tau_f": 0.07}, {"tau_d": 0.02}):
        system = replace(FREE, channel=channel, **rates)
        state = system.from_streamfunction(psi)
        change = -(psi * system.tendency(state)).mean(axis=(1, 2)).sum()
        modes = np.fft.rfft2(psi[1])
        slope = [np.fft.irfft2(d * modes, channel.shape) for d in (channel.d_dx, channel.d_dy)]
        friction = system.tau_f * (slope[0] ** 2 + slope[1] ** 2).mean()
        shear = psi[0] - psi[1]
        relaxed = system.tau_d * (shear * (shear - channel.psi_R[:, None])).mean()
        np.testing.assert_allclose(change, -friction - relaxed, atol=1e-11)


CASES = {
    1001: ({"tau_d": 0.11}, {"relax": (-0.1, 0.1)}),
    1002: ({"tau_d": 0.11, "tau_f": 0.37}, {"relax": (-0.1, 0.1), "lap2": (0, 0.3)}),
    1003: ({"tau_d": 0.0}, {"relax": (0.01, -0.01)}),
    1004: ({"jacobian": 0.5}, {"J": (-0.5, -0.5)}),
    1005: (
        {"jacobian": 0.0, "tau_d": 0.11, "tau_f": 0.37},
        {"J": (-1, -1), "relax": (-0.1, 0.1), "lap2": (0, 0.3)},
    ),
    1006: ({"tau_f": 0.37}, {"lap2": (0, 0.3)}),
    1007: ({"tau_f": 0.0}, {"lap2": (0, -0.07)}),
    1008: ({"psi_R": 0.0}, {"psi_R": (-0.01, 0.01)}),
}


@pytest.mark.parametrize("heights", [(0, 0, 0, 0), (20, 20, 20, 20)])
@pytest.mark.parametrize("case", CASES)
def test_models_miss_the_physics_that_the_cases_say(case, heights):
    """Tendency of the system less that of the model, against fields made by hand."""
    wrong, missing = CASES[case]
    channel = Channel(nx=32, ny=48, mountains=heights)
    system = QuasiGeostrophic(channel=channel)
    state = system.initial(1, seed=1)[0]
    psi = np.fft.rfft2(system.streamfunction(state))
    q = np.fft.rfft2(state + np.stack((0 * channel.topography, channel.topography)))
    values = np.fft.irfft2(psi, channel.shape)
    fields = {
        "relax": values[0] - values[1] - channel.psi_R[:, None],
        "psi_R": np.broadcast_to(channel.psi_R[:, None], channel.shape),
        "lap2": np.fft.irfft2(channel.laplacian * psi[1], channel.shape),
        "J": np.fft.irfft2(channel.jacobian(psi, q, ARRAYS), channel.shape),
    }
    expected = np.zeros(system.shape)
    for name, (upper, lower) in missing.items():
        field = fields[name] if name == "J" else np.stack((fields[name], fields[name]))
        expected += np.array([upper, lower])[:, None, None] * field
    found = system.tendency(state) - replace(system, **wrong).tendency(state)
    np.testing.assert_allclose(found, expected, atol=1e-10 * np.abs(expected).max() + 1e-12)


def test_the_jet_of_rest_is_the_jet():
    """``-d psi_R/dy`` is sech^2 of the middle less that of the walls, up to their mean."""
    channel = Channel()
    jet = np.fft.ifft(-channel.d_dy[:, 0] * np.fft.fft(channel.psi_R)).real
    wanted = 1 / np.cosh(channel.y / 3.5) ** 2 - channel.sponge
    np.testing.assert_allclose(jet, wanted - wanted.mean(), atol=1e-8)


def test_taylor_green_vortices_decay_as_they_should():
    """``cos(2x) cos(2y)`` is carried by its own flow nowhere: it decays at ``8 nu + drag``."""
    system = NavierStokes(nu=0.05, drag=0.1, forcing=0.0, plane=Plane(nx=32, ny=32))
    state = np.cos(2 * system.x) * np.cos(2 * system.y[:, None])
    found = system.run(state, 0.1, steps=20, every=20)[-1]
    np.testing.assert_allclose(found, state * np.exp(-(8 * 0.05 + 0.1) * 2), atol=1e-13)


def test_kolmogorov_flow_rests_where_theory_says():
    system = NavierStokes(nu=0.3, forcing=1.0, plane=Plane(nx=32, ny=32))
    rest = np.cos(4 * system.y[:, None]) * np.ones(32) / (0.3 * 16 + 0.1)
    np.testing.assert_allclose(system.tendency(rest), 0, atol=1e-13)
    settled = system.run(system.initial(2), 0.2, steps=200, every=200)[-1]
    np.testing.assert_allclose(settled, np.stack((rest, rest)), atol=2e-6)


def test_turbulence_spends_what_is_put_in():
    """Energy and enstrophy: forcing in, viscosity and drag out, advection nothing."""
    system = NavierStokes()
    march = system.march(system.initial(2), system.DT)
    march.advance(400)
    state = march.state()
    modes = np.fft.rfft2(state)
    modes[:, 32] = 0
    modes[:, :, 32] = 0
    state = np.fft.irfft2(modes, system.shape)
    psi, rate = system.streamfunction(state), system.tendency(state)
    force = 4.0 * np.cos(4 * system.y[:, None])
    laplace = np.fft.irfft2(system.plane.laplacian * np.fft.rfft2(state), system.shape)
    for weight, size in ((-psi, system.energy(state)), (state, (state**2).mean((1, 2)) / 2)):
        change = (weight * rate).mean((1, 2))
        budget = (weight * (force + system.nu * laplace)).mean((1, 2)) - 2 * system.drag * size
        np.testing.assert_allclose(change, budget, atol=1e-11)


def test_two_invariants_without_forcing_and_viscosity():
    """Energy and enstrophy over a run: RK4's own loss is of order dt^5 a step."""
    system = NavierStokes(nu=0.0, drag=0.0, forcing=0.0, integrator="rk4", plane=Plane(32, 32))
    state = system.initial(3)
    found = system.run(state, 0.005, steps=400, every=400)[-1]
    np.testing.assert_allclose(system.energy(found), system.energy(state), rtol=1e-8)
    np.testing.assert_allclose((found**2).mean((1, 2)), (state**2).mean((1, 2)), rtol=1e-7)
