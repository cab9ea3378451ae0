"""Three bodies and an epidemic against orbits, invariants and final sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from trueup.worlds.simulators import SIR, ThreeBody
from trueup.worlds.simulators.three_body import PERIOD


@pytest.mark.parametrize("name", ["yoshida4", "rk4"])
def test_three_bodies_come_back_around_the_eight(name):
    """After the published period, to the seven digits that are published."""
    system = ThreeBody(integrator=name)
    start = system.initial()[0]
    found = system.run(start, PERIOD / 2000, steps=2000, every=2000)[-1]
    np.testing.assert_allclose(found, start, atol=2e-7)


def test_after_a_third_of_the_period_each_is_where_the_next_one_was():
    system = ThreeBody()
    start = system.initial()[0]
    found = system.run(start, PERIOD / 3000, steps=1000, every=1000)[-1]
    np.testing.assert_allclose(found, start[:, [2, 0, 1]], atol=2e-7)


def test_energy_momentum_and_angular_momentum_stay():
    system = ThreeBody(masses=(1.0, 2.0, 0.5))
    start = system.initial(5, seed=3)
    states = system.run(start, 0.002, steps=2000, every=200)
    masses = np.array(system.masses)[:, None]
    x, v = states[..., 0, :, :], states[..., 1, :, :]
    momentum = (masses * v).sum(axis=-2)
    spin = (masses[:, 0] * (x[..., 0] * v[..., 1] - x[..., 1] * v[..., 0])).sum(axis=-1)
    np.testing.assert_allclose(momentum - momentum[0], 0, atol=1e-12)
    np.testing.assert_allclose(spin - spin[0], 0, atol=1e-11)
    energy = system.energy(states)
    calm = np.abs(x[..., None, :, :] - x[..., :, None, :]).sum(-1)[..., ~np.eye(3, dtype=bool)]
    assert (np.abs(energy / energy[0] - 1)[:, calm.min(axis=(0, 2)) > 0.1] < 1e-5).all()


def test_a_symplectic_energy_does_not_drift_as_that_of_rk4_does():
    """Forty rounds with a coarse step: the mean of the last ten against that of the first ten."""
    drift = {}
    for name in ("yoshida4", "rk4"):
        system = ThreeBody(integrator=name)
        states = system.run(system.initial()[0], PERIOD / 150, steps=6000)
        energy = system.energy(states)
        drift[name] = abs(energy[-1500:].mean() - energy[:1500].mean())
    assert drift["yoshida4"] < 1e-9 and drift["rk4"] > 1e-5


def test_two_bodies_go_around_as_kepler_says():
    """A third body of almost no mass far away: period ``2 pi sqrt(a^3 / (m1 + m2))``."""
    system = ThreeBody(masses=(1.0, 1.0, 1e-12))
    speed = np.sqrt(1 / 2) / np.sqrt(1.0)  # circle of radius .5 each, distance 1
    start = np.array([
        [[0.5, 0.0], [-0.5, 0.0], [50.0, 0.0]], [[0.0, speed], [0.0, -speed], [0.0, 0.2]]
    ])  # fmt: skip
    period = 2 * np.pi * np.sqrt(1 / 2)
    found = system.run(start, period / 1000, steps=1000, every=1000)[-1]
    np.testing.assert_allclose(found[:, :2], start[:, :2], atol=1e-8)


@pytest.mark.parametrize("beta", [0.15, 0.3, 0.6])
def test_the_final_size_is_that_of_kermack_and_mckendrick(beta):
    system = SIR(beta=beta)
    start = system.initial()[0]
    end = system.run(start, 0.25, steps=12_000, every=12_000)[-1]
    spared = brentq(lambda s: np.log(s / start[0]) + beta / 0.1 * (1 - s), 1e-9, 0.1 / beta)
    np.testing.assert_allclose(end, [spared, 0, 1 - spared], atol=1e-8)


def test_shares_add_to_one_and_the_peak_is_where_it_should_be():
    """``I`` is largest where S = gamma / beta; its height is known in closed form."""
    system = SIR()
    states = system.run(system.initial(4), 0.05, steps=6000)
    np.testing.assert_allclose(states.sum(axis=-1), 1, atol=1e-12)
    s0, i0 = system.initial()[0, :2]
    top = s0 + i0 - (1 + np.log(s0 * 3)) / 3
    np.testing.assert_allclose(states[:, 0, 1].max(), top, atol=1e-6)


def test_with_births_it_rests_where_theory_says():
    system = replace(SIR(), mu=0.02)
    s = 0.12 / 0.3
    i = 0.02 * (1 - s) / (0.3 * s)
    np.testing.assert_allclose(system.tendency([s, i, 1 - s - i]), 0, atol=1e-15)
