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

    They maximise ``sum_i w_i ln (p_i . a) + prior sum_m ln a_m``. Without their sum being fixed,
    but with the cost ``(sum w + m prior) sum a``, the maximum sums to one by itself, so that
    Newton's method needs no constraint; its steps are halved until they stay above 0 and go down.
    ``prior`` is mass that every part has beforehand, in rows: it keeps few rows from betting all on
    one.

    Parameters
    ----------
    logs
        (n, m) log-probability of what happened, by each part.
    weight
        (n,) weights that count rows.
    """
    likely = np.exp(logs - logs.max(axis=1, keepdims=True))
    count = likely.shape[1]
    share, prior = np.full(count, 1.0 / count), max(prior, 1e-9 * weight.sum())
    total = weight.sum() + count * prior

    def cost(a: np.ndarray) -> float:
        return total * a.sum() - weight @ np.log(likely @ a) - prior * np.log(a).sum()

    for _ in range(100):
        ratio = likely / (likely @ share)[:, None]
        slope = total - weight @ ratio - prior / share
        bend = (ratio * weight[:, None]).T @ ratio + np.diag(prior / share**2)
        step = np.linalg.solve(bend, -slope)
        if -(slope @ step) < 1e-12 * total:
            break
        size, now = 1.0, cost(share)
        while (share + size * step).min() <= 0 or cost(share + size * step) > now:
            size /= 2
            if size < 1e-12:
                return share / share.sum()
        share = share + size * step
    return share / share.sum()
