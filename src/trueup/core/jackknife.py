"""Error bars from groups: delete-a-group jackknife with Student's t, Wilson near the edges."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from trueup.core.in_time import wave_count, waves


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
    in_time
        Whether groups are blocks of a series, in order: neighbours may depend on each other.
    linear
        Whether the value is a mean of rows, whose skewness is known from its groups.
    """

    value: float
    without: np.ndarray
    sizes: np.ndarray
    resampled: bool = False
    in_time: bool = False
    linear: bool = False

    @classmethod
    def of(
        cls, parts: np.ndarray, value: Callable, *, sizes: np.ndarray, in_time: bool = False
    ) -> Replicates:
        """Replicates of ``value`` over groups; groups without rows are left out."""
        used = sizes > 0
        if not used.any():
            return cls(math.nan, np.zeros(0), np.zeros(0))
        parts = parts[used]
        total = parts.sum(axis=0, keepdims=True)
        # Without the only group nothing is left, and a mean of nothing is NaN.
        with np.errstate(invalid="ignore", divide="ignore"):
            return cls(float(value(total)[0]), value(total - parts), sizes[used], in_time=in_time)

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
        return replace(self, value=scale(self.value) - scale(other.value), without=one - two)

    @property
    def variance(self) -> float:
        """Jackknife variance of the value; NaN with fewer than two groups."""
        g = len(self.without)
        if g < 2 or not np.isfinite(self.without).all():
            return math.nan
        if self.resampled:
            return float(self.without.var(ddof=1)) if len(self.sizes) > 1 else math.nan
        if self.in_time:
            return float((g - 1) ** 2 / g * (waves(self.without)[: self.waves] ** 2).mean())
        return float((g - 1) / g * ((self.without - self.without.mean()) ** 2).sum())

    @property
    def freedom(self) -> float:
        """Effective degrees of freedom (sum n)^2 / sum n^2 - 1: unequal groups count for fewer.

        Of a series no more than the waves that its variance is taken from.
        """
        if not len(self.sizes):
            return 0.0
        equal = float(self.sizes.sum() ** 2 / (self.sizes**2).sum() - 1)
        return min(equal, self.waves) if self.in_time and not self.resampled else equal

    @property
    def waves(self) -> int:
        """Slow waves of a series that its variance is taken from."""
        return wave_count(self.without, float(self.sizes.sum()))

    @property
    def skewness(self) -> float:
        """Skewness of a mean, from what its groups add; 0 where it is not asked for."""
        left = self.without.mean() - self.without
        spread = float((left**2).mean())
        if not (self.in_time and self.linear and spread > 0):
            return 0.0
        return float((left**3).mean() / spread**1.5 / math.sqrt(len(left)))


BENT = 0.8
"""Largest skewness times quantile that is believed: at 1 Hall's transformation turns over, and an
end of the interval runs away."""


def interval(made: Replicates, *, level: float) -> tuple[float, float, str]:
    """Low, high and a description of the jackknife interval."""
    variance, df = made.variance, made.freedom
    if math.isnan(variance) or df < 1e-9:
        return math.nan, math.nan, "no interval: too few groups of rows"
    most, error = t_quantile(level, df), math.sqrt(variance)
    skew = min(max(made.skewness, -BENT / most), BENT / most)
    low, high = (made.value - error * student(x, skew) for x in (most, -most))
    how = "group bootstrap" if made.resampled else "delete-a-group jackknife"
    how += " in time" if made.in_time and not made.resampled else ""
    return low, high, f"{how}, t({df:.0f})" + ", for skewness" * (skew != 0)


def student(x: float, skew: float) -> float:
    """The error of a mean, in standard errors, that Hall's transformation takes to ``x``.

    A mean that is skewed to the right has a small standard error where it is too low. With a the
    skewness of the mean, ``T + a T^2 / 3 + a^2 T^3 / 27 + a / 6`` is symmetric to the second order.
    Hall 1992, JRSS B 54(1).

    Examples
    --------
    >>> student(2.0, 0.0), round(student(2.0, 0.3), 2), round(student(-2.0, 0.3), 2)
    (2.0, 1.66, -2.73)
    """
    return 3 * (math.cbrt(1 + skew * (x - skew / 6)) - 1) / skew if abs(skew) > 1e-6 else x


def t_quantile(level: float, df: float) -> float:
    """Half-width of a two-sided Student interval in standard errors."""
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(df, 0.5 + level / 2) if df < math.inf else ndtri(0.5 + level / 2))


def t_p_value(estimate: float, variance: float, *, df: float) -> float:
    """Two-sided p-value of ``estimate`` against zero."""
    from scipy.special import stdtr

    if not (variance > 0 and df > 0):
        return math.nan if not variance == 0 or estimate == 0 else 0.0
    return float(2 * stdtr(df, -abs(estimate) / math.sqrt(variance)))


def wilson(
    share: float, n: float, *, level: float, df: float = math.inf
) -> tuple[float, float, str]:
    """Wilson's interval of a share of ``n`` effective rows: sound where the jackknife is not.

    ``df`` are degrees of freedom of the variance that ``n`` comes from, where it was estimated.

    Examples
    --------
    >>> low, high, how = wilson(0.0, 10, level=0.95)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.278)
    """
    if not n > 0:
        return math.nan, math.nan, "no interval: no rows"
    z2 = t_quantile(level, df) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2) / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    # At the edges centre and half are equal, and their difference is only rounding.
    low = max(centre - half, 0.0) if share > 0 else 0.0
    high = min(centre + half, 1.0) if share < 1 else 1.0
    return low, high, f"Wilson, {n:.0f} effective rows"


def binomial_p_value(share: float, n: float, stated: float) -> float:
    """Two-sided p-value of a share of ``n`` effective rows, whole or not, against ``stated``.

    Twice the smaller tail of the binomial law, as a beta integral, which needs no whole numbers.

    Examples
    --------
    >>> round(binomial_p_value(0.5, 20, 0.9), 6)  # twice the chance of at most 10 of 20
    1.4e-05
    """
    from scipy.special import betainc

    inside, outside = share * n, (1 - share) * n
    few = betainc(inside + 1, outside, stated) if outside > 0 else 0.0
    many = betainc(inside, outside + 1, stated) if inside > 0 else 1.0
    return float(min(1.0, 2 * min(1 - few, many)))
