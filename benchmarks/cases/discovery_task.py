"""Observations of the benchmark of discovery, whose equations are known, and how a task is run."""

from __future__ import annotations

import numpy as np
from calibration_task import Task
from calibration_task import run as run_task
from scipy.fft import irfft, rfft


__all__ = ["DT", "KS", "LORENZ", "Task", "judged_draws", "run"]

DT = {"ks": 5e-3, "ks_noise": 5e-3, "many": 5e-3, "lorenz": 2e-3}
KS = np.array([-1.0, -1.0, -1.0])
"""Coefficients of u u_x, u_xx and u_xxxx."""
LORENZ = {("x", "x"): -10.0, ("x", "y"): 10.0, ("y", "x"): 28.0, ("y", "x z"): -1.0,
          ("y", "y"): -1.0, ("z", "x y"): 1.0, ("z", "z"): -8 / 3}  # fmt: skip
"""(component, term) -> coefficient."""


def kuramoto_sivashinsky(every: int) -> np.ndarray:
    """(100, 3, 1024) states 5e-3 apart, a sample every ``every`` steps, by Krogstad's ETD2RK."""
    points, dt = 1024, 2.5e-4 * 5
    k = 2 * np.pi / 100 * np.arange(points // 2 + 1)
    rate = k**2 - k**4
    rate[0] = 1e-12
    whole = np.exp(rate * dt)
    one = np.expm1(rate * dt) / rate
    two = (np.expm1(rate * dt) - rate * dt) / (rate**2 * dt)
    s = 2 * np.pi * np.arange(points) / points

    def slope(modes):
        return -0.5j * k * rfft(irfft(modes, n=points) ** 2)

    modes = rfft(-np.cos(s) * (1 + np.sin(s)))
    kept = []
    for step in range(80_000 + 100 * every):
        before = slope(modes)
        guess = whole * modes + one * before
        modes = guess + two * (slope(guess) - before)
        if step >= 80_000 and step % every < 12 and step % 4 == 3:
            kept.append(irfft(modes, n=points))
    return np.array(kept).reshape(100, 3, points)


def noisy(states: np.ndarray, noise: float, *, draw: int = 1) -> np.ndarray:
    """``states`` with noise, a share of the standard deviation of each component."""
    axes = tuple(range(states.ndim - (states.shape[-1] == 3)))
    return states + noise * states.std(axis=axes) * np.random.default_rng(draw).normal(
        size=states.shape
    )


def many() -> np.ndarray:
    """(9766, 3, 1024) states in single precision: 1e7 rows; samples, shifted along the line."""
    states = kuramoto_sivashinsky(400).astype(np.float32)
    return np.concatenate([np.roll(states, 10 * i, axis=-1) for i in range(98)])[:9_766]


def lorenz() -> np.ndarray:
    """(8, 5000, 3) states 2e-3 apart, 8 draws of 5 % noise, by Runge-Kutta with steps of 1e-3."""

    def slope(s):
        x, y, z = s
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    state, dt, kept = np.array([0.0, 1.0, 20.0]), 1e-3, []
    for step in range(30_000):
        a = slope(state)
        b = slope(state + dt / 2 * a)
        c = slope(state + dt / 2 * b)
        state = state + dt / 6 * (a + 2 * b + 2 * c + slope(state + dt * c))
        if step >= 20_000 and step % 2:
            kept.append(state)
    return np.stack([noisy(np.array(kept), 0.05, draw=draw) for draw in range(1, 9)])


def judged_draws(errors: list[float], terms: list[int]) -> dict:
    """What is told of several draws of noise."""
    return {"error": float(np.median(errors)), "mean": float(np.mean(errors)), "terms": max(terms)}


DATA = {
    "ks": lambda: kuramoto_sivashinsky(800),
    "ks_noise": lambda: noisy(kuramoto_sivashinsky(800), 0.01),
    "many": many,
    "lorenz": lorenz,
}


def run(tasks: dict[str, Task]) -> None:
    """The task named on the command line."""
    run_task(tasks, lambda name: (DATA[name](),))
