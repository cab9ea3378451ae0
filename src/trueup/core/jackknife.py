"""Error bars from groups: delete-a-group jackknife with Student's t, Wilson near the edges."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


DRAWS = 400
"""Samples of groups: the error of a standard error is then 4 %."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """A value, and the same value computed without each group in turn.

    Attributes
    ----------
    value
        From all groups.
    without
        (g,) value without group j; or (draws,) values of resampled groups.
    sizes
        (g,) rows of each group.
    resampled
        Whether the values come from resampled groups: the jackknife is inconsistent for quantiles.
    """

    value: float
    without: np.ndarray
    sizes: np.ndarray
    resampled: bool = False

    @classmethod
    def of(cls, parts: np.ndarray, value: Callable, *, sizes: np.ndarray) -> Replicates:
        """Replicates of ``value`` over groups; groups without rows are left out."""
        used = sizes > 0
        if not used.any():
            return cls(math.nan, np.zeros(0), np.zeros(0))
        parts = parts[used]
        total = parts.sum(axis=0, keepdims=True)
        # Without the only group nothing is left, and a mean of nothing is NaN.
        with np.errstate(invalid="ignore", divide="ignore"):
            return cls(float(value(total)[0]), value(total - parts), sizes[used])

    @classmethod
    def resample(cls, parts: np.ndarray, value: Callable, *, sizes: np.ndarray) -> Replicates:
        """Values of ``DRAWS`` samples of groups with replacement, the same ones every time."""
        used = sizes > 0
        g = int(used.sum())
        if not g:
            return cls(math.nan, np.zeros(0), np.zeros(0), True)
        draws = np.random.default_rng(0).multinomial(g, np.full(g, 1 / g), size=DRAWS)
        parts = parts[used]
        sums = np.tensordot(draws.astype(np.float64), parts, axes=1)
        total = float(value(parts.sum(axis=0, keepdims=True))[0])
        return cls(total, value(sums), sizes[used], True)

    def minus(self, other: Replicates, *, scale: Callable[[float], float] = float) -> Replicates:
        """Replicates of the difference of two values of the same groups, on a mapped scale."""
        one, two = (np.array([scale(x) for x in r.without]) for r in (self, other))
        value = scale(self.value) - scale(other.value)
        return Replicates(value, one - two, self.sizes, self.resampled)

    @property
    def variance(self) -> float:
        """Jackknife variance of the value; NaN with fewer than two groups."""
        g = len(self.without)
        if g < 2 or not np.isfinite(self.without).all():
            return math.nan
        if self.resampled:
            return float(self.without.var(ddof=1)) if len(self.sizes) > 1 else math.nan
        return float((g - 1) / g * ((self.without - self.without.mean()) ** 2).sum())

    @property
    def freedom(self) -> float:
        """Effective degrees of freedom (sum n)^2 / sum n^2 - 1: unequal groups count for fewer."""
        return float(self.sizes.sum() ** 2 / (self.sizes**2).sum() - 1) if len(self.sizes) else 0.0


def interval(made: Replicates, *, level: float) -> tuple[float, float, str]:
    """Low, high and a description of the jackknife interval."""
    variance, df = made.variance, made.freedom
    if math.isnan(variance) or df < 1e-9:
        return math.nan, math.nan, "no interval: too few groups of rows"
    half = t_quantile(level, df) * math.sqrt(variance)
    how = "group bootstrap" if made.resampled else "delete-a-group jackknife"
    return made.value - half, made.value + half, f"{how}, t({df:.0f})"


def t_quantile(level: float, df: float) -> float:
    """Half-width of a two-sided Student interval in standard errors."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + level / 2))


def t_p_value(estimate: float, variance: float, *, df: float) -> float:
    """Two-sided p-value of ``estimate`` against zero."""
    from scipy.special import stdtr

    if not (variance > 0 and df > 0):
        return math.nan if not variance == 0 or estimate == 0 else 0.0
    return float(2 * stdtr(df, -abs(estimate) / math.sqrt(variance)))


def wilson(share: float, n: float, *, level: float) -> tuple[float, float, str]:
    """Wilson's interval of a share of ``n`` effective rows: sound where the jackknife is not.

    Examples
    --------
    >>> low, high, how = wilson(0.0, 10, level=0.95)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.278)
    """
    from scipy.special import ndtri

    if not n > 0:
        return math.nan, math.nan, "no interval: no rows"
    z2 = float(ndtri(0.5 + level / 2)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2) / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return max(centre - half, 0.0), min(centre + half, 1.0), f"Wilson, {n:.0f} effective rows"
