"""Bernstein online aggregation: a weighted mean of numbers that learns which of them to trust."""

from __future__ import annotations

import numpy as np


class Experts:
    r"""Weights of k experts for one quantile, of s series side by side.

    With the slope g of the pinball loss at the mix x, :math:`r_j = g (x_j - x)` says how much worse
    expert j was; :math:`E_j` is twice the least power of two above all :math:`|r_j|` so far,
    :math:`V_j = \sum r_j^2` and :math:`\eta_j = \min(1 / E_j, \sqrt{\log k / V_j})`. The losses
    :math:`L_j` gather :math:`(r_j (1 + \eta_j r_j) + E_j 1[\eta_j r_j > 1/2]) / 2` with the rate
    of the step before, and weights are :math:`\eta_j e^{-\eta_j L_j}`, made to sum to one
    (Wintenberger 2017, Machine Learning 106, section 2.3).
    """

    def __init__(self, k: int, series: int, level: float) -> None:
        self.level = level
        zeros = np.zeros((4, k, series))
        self._eta, self._range, self._square, self._loss = zeros

    @property
    def weights(self) -> np.ndarray:
        """(k, s) weights, which sum to one over the experts; equal before anything is known."""
        # An expert that never differed from the mix has no rate yet: it takes the largest.
        largest = np.maximum(self._eta.max(axis=0), (self._eta == 0).all(axis=0))
        eta = np.where(self._eta > 0, self._eta, largest)
        power = -eta * self._loss
        made = eta * np.exp(power - power.max(axis=0))
        return made / made.sum(axis=0)

    def mix(self, numbers: np.ndarray) -> np.ndarray:
        """The weighted mean (s,) of the numbers (k, s) that the experts say."""
        return (self.weights * numbers).sum(axis=0)

    def learn(self, numbers: np.ndarray, mixed: np.ndarray, truth: np.ndarray) -> None:
        """Take in what the experts said (k, s), the mix and the truth (s,); NaN teaches nothing."""
        known = np.isfinite(truth) & np.isfinite(numbers).all(axis=0)
        slope = np.where(truth < mixed, 1 - self.level, -self.level)
        regret = np.where(known, slope * (numbers - np.where(known, mixed, 0.0)), 0.0)
        size = np.abs(regret)
        power = 2.0 ** (np.floor(np.log2(np.maximum(size, 1e-300))) + 1)
        self._range = np.maximum(self._range, np.where(size > 0, 2 * power, 0.0))
        far = self._range * (self._eta * regret > 0.5)
        self._loss += (regret * (1 + self._eta * regret) + far) / 2
        self._square += regret**2
        seen = self._range > 0
        log_k = np.log(len(regret))
        self._eta[seen] = np.minimum(1 / self._range[seen], np.sqrt(log_k / self._square[seen]))
