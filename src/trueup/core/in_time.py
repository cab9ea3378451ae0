r"""Error bars of a series: the spread of blocks of time, seen through their slow waves.

What blocks of time add to a value is written as a sum of cosines over the series,

.. math:: c_k = \sqrt{2 / g} \sum_j x_j \cos(\pi k (j + 1/2) / g), \quad k = 1, ..., g - 1.

Of independent blocks all waves have the same variance, and the mean of all :math:`c_k^2` is the
usual variance between blocks. Where blocks follow each other, the slow waves have more, and only
they tell how much the whole scatters: the mean of the slowest few is compared with Student's t of
as many degrees of freedom. Lazarus, Lewis, Stock & Watson 2018, JBES 36(4) (equal-weighted
cosines); Mueller & Watson 2008, Econometrica 76(5).
"""

from __future__ import annotations

import numpy as np


SLOW = 0.6
"""Part of the waves that is used at most: the fastest are the first to miss what blocks share."""

PER_ROWS = 0.18
"""Waves a row to the power 2/3: the rule of Lazarus et al., for a lag correlation of .9 (theirs,
.41, is for .7). It binds below 540 rows."""

CLEAR = 2.5
"""Standard errors from which the lag correlation of blocks is believed."""

KEPT = 0.9
"""Part of the variance that the waves in use must show of a series that is that correlated."""

LEAST = 4
"""Waves that are always used: an interval of fewer says nothing at all, by the tails of its law."""


def waves(x: np.ndarray) -> np.ndarray:
    """Cosine coefficients (g - 1, ...) of what blocks (g, ...) add, the slowest first.

    Examples
    --------
    >>> x = np.array([1.0, -1.0, 2.0, 0.0])
    >>> bool(np.isclose((waves(x) ** 2).sum(), ((x - x.mean()) ** 2).sum()))
    True
    """
    g = len(x)
    cosines = np.cos(np.pi * np.arange(1, g)[:, None] * (np.arange(g) + 0.5) / g)
    return np.sqrt(2 / g) * np.tensordot(cosines, x - x.mean(axis=0), axes=1)


def wave_count(x: np.ndarray, rows: float) -> int:
    """How many of the slowest waves of blocks ``x`` (g,) to use.

    Parameters
    ----------
    x
        What every block adds to the value.
    rows
        Rows of the series.

    Examples
    --------
    >>> wave_count(np.resize([1.0, -1.0], 20), rows=2_000), wave_count(np.arange(20.0), rows=2_000)
    (12, 4)
    """
    g = len(x)
    most = min(int(SLOW * g), int(PER_ROWS * rows ** (2 / 3)), wave_count_of(follow(x), g))
    return max(min(most, g - 1), min(LEAST, g - 1))


def follow(x: np.ndarray) -> float:
    """Lag correlation of blocks ``x`` (g,), less its bias; 0 where it is not clear."""
    g, x = len(x), x - x.mean()
    whole = float(x @ x)
    if g < 4 or whole == 0:
        return 0.0
    seen = float(x[1:] @ x[:-1]) / whole
    return min(seen + (1 + 3 * seen) / g, 0.99) if seen + 1 / g > CLEAR / np.sqrt(g) else 0.0


def wave_count_of(lag: float, g: int) -> int:
    """Most waves of ``g`` blocks with lag correlation ``lag`` that keep enough of the variance.

    Examples
    --------
    >>> wave_count_of(0.0, 20), wave_count_of(0.2, 20)
    (19, 6)
    """
    at = np.pi * np.arange(1, g) / g
    share = (1 - lag) ** 2 / (1 - 2 * lag * np.cos(at) + lag**2)
    kept = np.cumsum(share) / np.arange(1, g)
    return max(int((kept >= KEPT).sum()), 1)
