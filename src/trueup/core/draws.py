r"""Error bars of a change that is itself drawn: other calibration rows, another seed.

Each of R draws gives a paired difference :math:`D_r` on the same test rows. Its variance has three
parts: rows (which rows the test got), draws (how lucky the calibration was), and what both share,

.. math:: Var(\bar D) = \frac{\sigma_d^2}{R} + \frac{\sigma_t^2}{g} + \frac{\sigma_{dt}^2}{R g}.

The spread of :math:`D_r` over draws holds the first and the third, the jackknife of their mean over
g groups of rows the second and the third: the third is counted twice, and is taken off once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trueup.core.jackknife import Replicates, t_quantile


@dataclass(frozen=True)
class OverDraws:
    """A value over several draws.

    Attributes
    ----------
    value, low, high
        Their mean and its interval.
    between
        Standard deviation of one draw around the mean of all possible ones; 0 where the spread of
        draws is no more than that of rows explains.
    how
        How the interval was made.
    """

    value: float
    low: float
    high: float
    between: float
    how: str


def over_draws(draws: Sequence[Replicates], *, level: float) -> OverDraws:
    """Mean of ``draws`` on the same groups of rows, with an interval for both kinds of luck.

    Each part has its own Student factor, with R - 1 degrees of freedom for the draws and those of
    the groups for the rows: ``half^2 = t(R-1)^2 max(s^2 - both, 0) + t(g-1)^2 rows``. One common
    factor after Satterthwaite covers too little where few draws happen to lie close together.

    Examples
    --------
    >>> rng, sizes = np.random.default_rng(0), np.full(50, 10)
    >>> rows = rng.normal(size=50)
    >>> without = (rows.sum() - rows) / 49
    >>> made = [Replicates(rows.mean() + d, without + d, sizes) for d in (-3, 0, 3)]
    >>> found = over_draws(made, level=0.95)
    >>> found.between, found.how
    (3.0, '3 draws and 50 groups of rows, t(2) and t(49)')
    """
    values = np.array([one.value for one in draws])
    mean = _mean(draws)
    rows, k, g = mean.variance, len(draws), len(mean.without)
    if k < 2 or not np.isfinite(values).all() or math.isnan(rows):
        why = "one draw" if k < 2 else "too few groups of rows, or a draw that is not finite"
        return OverDraws(float(values.mean()), math.nan, math.nan, math.nan, f"no interval: {why}")
    spread, both = float(values.var(ddof=1)) / k, _interaction(draws)
    of_draws, of_rows = max(spread - both, 0.0), t_quantile(level, mean.freedom)
    half = math.sqrt(t_quantile(level, k - 1) ** 2 * of_draws + of_rows**2 * rows)
    value = float(values.mean())
    how = f"{k} draws and {g} groups of rows, t({k - 1}) and t({mean.freedom:.0f})"
    return OverDraws(value, value - half, value + half, math.sqrt(k * of_draws), how)


def _mean(draws: Sequence[Replicates]) -> Replicates:
    value = float(np.mean([one.value for one in draws]))
    return replace(
        draws[0], value=value, without=np.mean([one.without for one in draws], axis=0), linear=False
    )


def _interaction(draws: Sequence[Replicates]) -> float:
    """Variance of the mean that is of rows and draws together: jackknives of what draws differ."""
    mean = _mean(draws)
    off = [replace(one, without=one.without - mean.without) for one in draws]
    return sum(one.variance for one in off) / (len(draws) * (len(draws) - 1))
