"""The exact rank that a level needs, and the level that a number of rows can reach."""

from __future__ import annotations

import numpy as np

from trueup.core.errors import FitError, UsageError


ROUNDING = 1e-9
"""What a product of a decimal level and a count may be off: 0.07 * 100 is not 7 in binary."""


def check_level(who: str, level: float) -> None:
    """Refuse a level outside (0, 1), NaN included."""
    if not 0 < level < 1:
        raise UsageError(who, f"level is {level}", do="Pass a level inside (0, 1), as 0.9")


def rank_of(level: float, n: float) -> float:
    """Least count of rows at or below the quantile: ``level (n + 1)``, made whole from above.

    Examples
    --------
    >>> rank_of(0.9, 99), rank_of(0.9, 100)
    (90.0, 91.0)
    """
    return float(np.ceil(level * (n + 1) - ROUNDING))


def upper_quantile(
    scores: np.ndarray,
    *,
    level: float,
    weight: np.ndarray | None = None,
    who: str = "upper_quantile",
    sides: int = 1,
    of: str = "",
) -> float:
    r"""The score of rank :math:`\lceil \mathrm{level} (n + 1) \rceil` among n.

    A new score that is exchangeable with these is no larger with probability ``level`` at least,
    and below ``level`` + 1 / (n + 1) where no two are equal.

    Parameters
    ----------
    scores
        (n,) numbers.
    level
        In (0, 1).
    weight
        (n,) how often a row counts; None for once.
    who, of
        Who asks, and for which group, for the message.
    sides
        2 where the level is that of one of two sides of an interval.

    Raises
    ------
    FitError
        Too few rows: the level is above n / (n + 1), the largest that n rows can reach.

    Examples
    --------
    >>> upper_quantile(np.arange(1.0, 10.0), level=0.8)
    8.0
    """
    n = float(len(scores)) if weight is None else float(weight.sum())
    refuse_few(who, n, level, sides=sides, of=of)
    rank = rank_of(level, n)
    if weight is None or (weight == 1).all():
        return float(np.partition(scores, int(rank) - 1)[int(rank) - 1])
    order = np.argsort(scores)
    total = np.cumsum(weight[order])
    # Weights need not be whole, so the rank need not be either.
    need = level * (n + 1) if (weight % 1).any() else rank
    return float(scores[order][np.searchsorted(total, need - ROUNDING)])


def refuse_few(who: str, n: float, level: float, *, sides: int = 1, of: str = "") -> None:
    """Refuse a level that ``n`` rows cannot reach, and name the largest that they can."""
    if rank_of(level, n) <= n + ROUNDING:
        return
    asked = 1 - sides * (1 - level)
    reach = 1 - sides / (n + 1)
    need = int(np.ceil(level / (1 - level) - ROUNDING))
    raise FitError(
        who,
        f"{n:g} rows{f' of {of}' if of else ''} cannot reach level {asked:g}; the largest level "
        f"that they reach is {max(reach, 0):.4g}",
        why=f"level {asked:g} needs {need} rows{' to a group' if of else ''}",
        do=f"Pass more rows, or level={np.floor(reach * 1e4) / 1e4:g} at most"
        if reach > 0
        else "Pass more rows",
    )
