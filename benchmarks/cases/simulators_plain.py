"""A script that steps one member after the other: ``simulators_plain.py TASK FOLDER``.

Complex transforms of NumPy, coefficients made once; as published scripts do it.
"""

from __future__ import annotations

import numpy as np
from simulators_task import DT, LENGTH, STEPS, run


def etdrk4(k: np.ndarray) -> tuple[np.ndarray, ...]:
    """Coefficients of ETDRK4 by means over half a circle of 16 points."""
    z = DT * (k**2 - k**4)
    around = z[:, None] + np.exp(1j * np.pi * (np.arange(16) + 0.5) / 16)
    grown = np.exp(around)
    means = (
        (np.exp(around / 2) - 1) / around,
        (-4 - around + grown * (4 - 3 * around + around**2)) / around**3,
        (2 + around + grown * (around - 2)) / around**3,
        (-4 - 3 * around - around**2 + grown * (4 - around)) / around**3,
    )
    return np.exp(z), np.exp(z / 2), *(DT * mean.mean(axis=1).real for mean in means)


def kuramoto_sivashinsky(states: np.ndarray) -> np.ndarray:
    """Every member by itself."""
    k = 2 * np.pi * np.fft.fftfreq(states.shape[1], LENGTH / states.shape[1])
    whole, half, q, f1, f2, f3 = (part.astype(states.dtype) for part in etdrk4(k))
    slope = (-0.5j * k).astype(np.result_type(states.dtype, np.complex64))

    def carried(v):
        return slope * np.fft.fft(np.fft.ifft(v).real ** 2)

    ends = []
    for state in states:
        v = np.fft.fft(state)
        for _ in range(STEPS):
            n_v = carried(v)
            a = half * v + q * n_v
            n_a = carried(a)
            b = half * v + q * n_a
            n_b = carried(b)
            c = half * a + q * (2 * n_b - n_v)
            v = whole * v + f1 * n_v + 2 * f2 * (n_a + n_b) + f3 * carried(c)
        ends.append(np.fft.ifft(v).real)
    return np.array(ends)


def lorenz96(states: np.ndarray) -> np.ndarray:
    """Every member by itself, by RK4."""

    def rate(x):
        return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8

    ends = []
    for x in states:
        for _ in range(STEPS):
            k1 = rate(x)
            k2 = rate(x + DT / 2 * k1)
            k3 = rate(x + DT / 2 * k2)
            k4 = rate(x + DT * k3)
            x = x + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        ends.append(x)
    return np.array(ends)


if __name__ == "__main__":
    run({
        "ks_float64": kuramoto_sivashinsky,
        "ks_float32": kuramoto_sivashinsky,
        "lorenz96": lorenz96,
    })  # fmt: skip
