"""Worlds of selection with known truth: the first four laws of Jin and Candes (2023)."""

from __future__ import annotations

import numpy as np


SETTINGS = (1, 2, 3, 4)


def drawn(setting: int, rows: int, rng, *, noise: float = 0.1):
    """Features (rows, 20), uniform on [-1, 1]; the mean of y given them; whether y > 0.

    Settings 1 and 3 have a mean with steps, 2 and 4 a smooth one; in 3 and 4 the spread falls where
    the mean is far from 0.
    """
    x = rng.uniform(-1, 1, (rows, 20))
    if setting in (1, 3):
        same, z = x[:, 0] * x[:, 1] > 0, x[:, 3]
        mean = same * (z > 0.5) * (0.25 + z) + ~same * (z < -0.5) * (z - 0.25)
    else:
        mean = 2 * (x[:, 0] * x[:, 1] + x[:, 2] ** 2 + np.exp(x[:, 3] - 1) - 1)
    wide = 5.5 - np.abs(mean)
    spread = noise * {1: 1.0, 2: 1.5, 3: wide / 2, 4: wide / 2}[setting]
    return x, mean, mean + spread * rng.normal(size=rows) > 0


def models(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Scores (7, rows) of fixed models, from useless to nearly right."""
    smooth = x[:, 0] * x[:, 1] + x[:, 3]
    return np.stack(
        [
            x[:, 5],
            x[:, 3],
            -x[:, 0] * x[:, 1],
            smooth,
            mean + 2 * x[:, 6],
            mean + 0.5 * x[:, 7],
            np.round(2 * mean + x[:, 8]) / 2,
        ]
    )
