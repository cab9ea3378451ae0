"""A mixture of maps: shares of what each of them says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.expressions import Expr, Scaled, operate, softmax
from trueup.core.fitted import AbstractMap


@dataclass(frozen=True, eq=False)
class Blend(AbstractMap):
    """Probabilities ``sum_i shares[i] maps[i](p)``.

    Parameters
    ----------
    maps
        Maps of the same classes.
    shares
        (m,) > 0, summing to one.
    """

    maps: tuple[AbstractMap, ...]
    shares: np.ndarray

    def expression(self, logs: Expr) -> Expr:
        parts = [
            Scaled(softmax(each.expression(logs)), share)
            for each, share in zip(self.maps, self.shares.tolist(), strict=True)
        ]
        mixed: Expr = parts[0]
        for part in parts[1:]:
            mixed = operate("add", mixed, part)
        return operate("log", mixed)

    @property
    def parameters(self) -> dict[str, float]:
        named = zip(self.maps, self.shares.tolist(), strict=True)
        return {f"share {i + 1}: {type(m).__name__}": s for i, (m, s) in enumerate(named)}


def best_shares(logs: np.ndarray, weight: np.ndarray, *, prior: float) -> np.ndarray:
    """Shares (m,) that make what happened most likely.

    The concave problem of mixing known densities, solved by expectation and maximisation: every
    step gives each part the mass of the rows that it explains. ``prior`` is mass that every part
    has beforehand, in rows: it keeps few rows from betting all on one.

    Parameters
    ----------
    logs
        (n, m) log-probability of what happened, by each part.
    weight
        (n,) weights that count rows.
    """
    likely = np.exp(logs - logs.max(axis=1, keepdims=True))
    share = np.full(logs.shape[1], 1.0 / logs.shape[1])
    for _ in range(500):
        mass = share * (likely.T @ (weight / (likely @ share))) + prior
        new = mass / mass.sum()
        if np.abs(new - share).max() < 1e-7:
            return new
        share = new
    return share
