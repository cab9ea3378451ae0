"""Mean pinball loss of mixed quantile forecasts, and its gradient in the logits of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.forecast.aggregation.panel import QuantilePanel


ROUND = 1e-3
"""Width of the rounded kink, in mean absolute errors of the equal-weight forecast."""


@dataclass(frozen=True, eq=False)
class PinballCourse:
    """What the optimiser sees: loss and gradient of the logits.

    Attributes
    ----------
    values, truth, known, phi, weight
        (n, m, q) quantiles, (n,) what happened, (n, m) which models speak, (n or 1, d) features,
        (n,) shares of the cases.
    unit
        Mean absolute error of the equal-weight forecast, in which losses are measured.
    by_level
        Whether each level has weights of its own.
    """

    values: np.ndarray
    truth: np.ndarray
    known: np.ndarray | None
    phi: np.ndarray
    weight: np.ndarray
    levels: np.ndarray
    unit: float
    by_level: bool
    penalty: float
    shrink: float

    @classmethod
    def of(cls, panel: QuantilePanel, y, weight, phi, *, by_level: bool, pulls) -> PinballCourse:
        """Numbers of a fit; errors are measured in those of the equal-weight forecast."""
        known, w = panel.known, np.ones(len(y)) if weight is None else np.asarray(weight, float)
        off = np.abs(y[:, None] - panel.mean().values).mean(axis=1)
        unit = float(w @ off / w.sum()) or 1.0
        known = None if known.all() else known
        filled = np.nan_to_num(panel.values)
        numbers = (filled, y, known, phi, w / w.sum(), panel.levels, unit)
        return cls(*numbers, by_level, *pulls)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the logits."""
        m, q = self.values.shape[1:]
        return m, q if self.by_level else 1, self.phi.shape[1]

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        logits = flat.reshape(self.shape)
        shares = shares_of(logits, self.phi, self.known)
        made = mixed(shares, self.values)
        loss, slope = self._loss(made)
        pull = shares * (self.values - made[:, None]) * slope[:, None]
        if self.shape[1] == 1:
            pull = pull.sum(axis=2, keepdims=True)
        gradient = (
            pull.sum(axis=0)[..., None]
            if len(self.phi) == 1
            else np.einsum("ijk,id->jkd", pull, self.phi)
        )
        gradient = gradient + 2 * self.shrink * logits
        return loss + self.shrink * float((logits**2).sum()), gradient.ravel()

    def _loss(self, made: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean loss in units of the equal-weight error, and its slope in ``made`` (n, q)."""
        width, q = ROUND * self.unit, len(self.levels)
        error = self.truth[:, None] - made
        size = np.abs(error)
        near = size < width
        rounded = np.where(near, error**2 / (2 * width) + width / 2, size)
        loss = (self.levels - 0.5) * error + 0.5 * rounded
        slope = 0.5 - self.levels - 0.5 * np.where(near, error / width, np.sign(error))
        if self.penalty and q > 1:
            depth = np.maximum(made[:, :-1] - made[:, 1:], 0.0)
            crossed = (depth > 0) * self.penalty
            loss[:, :-1] += self.penalty * depth
            slope[:, :-1] += crossed
            slope[:, 1:] -= crossed
        share = self.weight[:, None] / (q * self.unit)
        return float((loss * share).sum()), slope * share


def shares_of(logits: np.ndarray, phi: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Weights (n or 1, m, q or 1) that sum to one over the models that are known."""
    z = np.einsum("id,jkd->ijk", phi, logits)
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    if known is not None:
        # A model that is left out must not take the whole sum with it.
        powers = np.maximum(powers, 1e-300) * known[:, :, None]
    return powers / powers.sum(axis=1, keepdims=True)


def mixed(shares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted means (n, q) over the models."""
    return np.einsum("ijk,ijk->ik", np.broadcast_to(shares, values.shape), values)
