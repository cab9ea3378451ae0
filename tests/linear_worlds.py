"""A world of classification in which smoothed scores and the worst attack are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr


@dataclass(frozen=True, eq=False)
class LinearWorld:
    """Class y has inputs from N(w_y, 1), and the score of a class is Phi((c - w_y x) / width).

    A score under noise of spread sigma is Phi((c - w_y x) / sqrt(width^2 + sigma^2 |w_y|^2)), and
    no move of length r raises it more than the one along -w_y.
    """

    directions: np.ndarray
    width: float
    cut: float

    @classmethod
    def of(cls, classes, *, apart=2.0, width=0.5):
        """Directions that are corners, ``apart`` long."""
        return cls(apart * np.eye(classes), width, apart**2 / 2)

    def drawn(self, rows, rng):
        """Inputs (rows, d) and classes (rows,)."""
        y = rng.integers(0, len(self.directions), rows)
        return self.directions[y] + rng.normal(size=(rows, self.directions.shape[1])), y

    def scores(self, x):
        """Scores (rows, k); low where a class fits."""
        return ndtr((self.cut - x @ self.directions.T) / self.width)

    def smoothed(self, x, sigma):
        """Mean scores (rows, k) under noise, in closed form."""
        spread = np.sqrt(self.width**2 + sigma**2 * (self.directions**2).sum(axis=1))
        return ndtr((self.cut - x @ self.directions.T) / spread)

    def draws(self, x, sigma, count, rng):
        """Scores (rows, k, count) of noisy copies."""
        noisy = x[:, None] + sigma * rng.normal(size=(len(x), count, x.shape[1]))
        return np.moveaxis(self.scores(noisy), 1, 2)

    def attacked(self, x, y, radius):
        """Inputs moved by ``radius`` so that the true class fits as badly as can be."""
        w = self.directions[y]
        return x - radius * w / np.linalg.norm(w, axis=1, keepdims=True)
