r"""AutoKnots: a cubic spline through a function, with as many knots as a tolerance needs.

Six equal knots at first. Every bin in doubt is tried at its midpoint :math:`m`, all in one call of
the function; the bin has failed where the not-a-knot spline :math:`s` misses,

.. math:: |f(m) - s(m)| > \epsilon (|f(m)| + c)
   \quad\text{or}\quad |I_\text{Simpson} - I_s| > \epsilon (|I_s| + c h) .

Both halves of a failed bin are in doubt next, and so are its neighbours; the midpoint of either
kind of bin becomes a knot, so that no evaluation is lost. It ends when no bin is in doubt.

Examples
--------
>>> wave = auto_knots(lambda x: 2 + np.sin(1 / (x + 0.05)), (0.0, 1.0), tolerance=1e-6)
>>> len(wave.knots), bool(abs(wave(0.3) - (2 + np.sin(1 / 0.35))) < 1e-6)
(353, True)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from trueup.core.cards import Card
from trueup.core.errors import FitError, UsageError
from trueup.core.estimate import Estimate


CARD = Card(
    name="auto_knots",
    question="error",
    family="numerics",
    summary="a cubic spline through a function that meets a relative tolerance by adaptive knots",
    axes={"tries": "midpoints of bins", "by": "value and integral", "ends": "no bin in doubt"},
    paper="Vitenti, de Simoni, Penna-Lima, Barroso 2024, AutoKnots, arXiv:2412.13423",
    mission=(185,),
    cost="an evaluation a knot; O(n) a round, of which there are about log2(n)",
    not_for="jumps and infinite slopes; peaks narrower than the first bins, which it never sees; "
    "very smooth functions, where equal knots need fewer",
)

EPS = float(np.finfo(np.float64).eps)
LEAST = 1e-13
"""Below this a tolerance drowns in the rounding of double precision."""
NARROWEST = 64 * EPS
"""Bins narrower than this, relative to the ends, cannot be halved and still mean anything."""


@dataclass(frozen=True, eq=False)
class KnotSpline:
    """A spline that was grown until it met its tolerance.

    Attributes
    ----------
    knots, values
        (n,) rising places and the function there: every evaluation that was made.
    spline
        The not-a-knot cubic spline of SciPy, with its derivatives and integrals.
    error
        Largest relative miss that passed, found before the place of the miss became a knot; the
        spline that is handed over is nearer.
    rounds
        How often the function was called.
    """

    knots: np.ndarray
    values: np.ndarray
    spline: CubicSpline
    error: Estimate
    rounds: int

    @property
    def evaluations(self) -> int:
        """Places at which the function was evaluated: as many as knots."""
        return len(self.knots)

    def __call__(self, x) -> np.ndarray:
        """The spline at ``x``, any shape, within the interval."""
        x = np.asarray(x, dtype=np.float64)
        if x.size and not (x.min() >= self.knots[0] and x.max() <= self.knots[-1]):
            raise UsageError(
                "KnotSpline",
                f"x runs from {x.min():g} to {x.max():g}; "
                f"the knots from {self.knots[0]:g} to {self.knots[-1]:g}",
                why="nothing is known of the error outside",
                do="Grow the spline on a wider interval",
            )
        return self.spline(x)


def auto_knots(
    f: Callable[[np.ndarray], np.ndarray],
    interval: tuple[float, float],
    *,
    tolerance: float = 1e-6,
    scale: float = 0.0,
    knots: int = 6,
    reach: int = 1,
    most: int = 100_000,
) -> KnotSpline:
    r"""Spline a function so that its relative error stays below a tolerance.

    For functions that are dear and wanted often: tables of integrals, equations of state. Knots
    gather where the function bends: against equal knots it saves most where bends differ much. The
    tolerance is met at the midpoints that were tried; between them it is met where the bins are
    narrower than what the function does. Simpson's rule is exact on a cubic piece, so that the test
    of the integral reads :math:`\frac{2}{3} |f(m) - s(m)| > \epsilon (|\bar s| + c)` with the mean
    :math:`\bar s` of the piece: it is the stricter one where a midpoint stands out of its bin.

    On the edge of a plateau a bin may pass by chance and bend inside. Therefore ``reach``
    neighbours of a failed bin are tried with it. With 0 (the plain rule) knots are 2 to 12 per
    cent fewer, and among 32 random bumps and steps one mostly exceeded its tolerance tenfold.

    Parameters
    ----------
    f
        Takes places (n,), gives finite numbers (n,).
    interval
        Both ends, the lower first.
    tolerance
        Relative error :math:`\epsilon` that is allowed, from 1e-13 to below 1.
    scale
        Size :math:`c` that is added to that of the function, 0 or more: where the function is much
        smaller, the tolerance is one of absolute errors. Needed where it falls to zero and stays.
    knots
        Equal knots at the start, 4 or more; more of them find narrower peaks.
    reach
        Neighbours on each side of a failed bin that are tried again, 0 or more.
    most
        Evaluations at most.

    Raises
    ------
    UsageError
        Settings out of range.
    FitError
        The function is not finite somewhere, or the tolerance is not met with ``most`` evaluations
        or at the narrowest bins: jumps and infinite slopes end so.

    Examples
    --------
    >>> root = auto_knots(np.sqrt, (1e-6, 1.0), tolerance=1e-4)
    >>> bool(root.knots[1] < 1e-3 < root.evaluations), root.error.value <= 1e-4
    (True, True)
    """
    _check(interval, tolerance=tolerance, scale=scale, knots=knots, reach=reach)
    x = np.linspace(*map(float, interval), knots)
    return _grown(f, x, tolerance=tolerance, scale=scale, reach=reach, most=most)


def _grown(f, x: np.ndarray, *, tolerance, scale, reach, most) -> KnotSpline:
    """Halve bins in doubt until there is none."""
    y, doubt = _evaluated(f, x), np.ones(len(x) - 1, dtype=bool)
    rounds, worst, tried = 1, 0.0, 0
    while doubt.any():
        bins = np.flatnonzero(doubt)
        _go_on(x, y, bins, most=most, tolerance=tolerance)
        middle, spline = (x[bins] + x[bins + 1]) / 2, CubicSpline(x, y)
        found = _evaluated(f, middle)
        miss, failed = _missed(spline, x, y, bins, found, tolerance=tolerance, scale=scale)
        worst, tried = max(worst, miss[~failed].max(initial=0.0)), tried + int((~failed).sum())
        halves = np.where(doubt, 2, 1)
        doubt[bins] = failed
        doubt, rounds = np.repeat(_widened(doubt, reach), halves), rounds + 1
        x, y = np.insert(x, bins + 1, middle), np.insert(y, bins + 1, found)
    how = "largest relative miss at a midpoint before it became a knot"
    return KnotSpline(x, y, CubicSpline(x, y), Estimate(float(worst), n=tried, how=how), rounds)


def _missed(spline, x, y, bins, found, *, tolerance: float, scale: float):
    """Relative misses at midpoints, and which bins have failed by value or by integral."""
    left, right = y[bins], y[bins + 1]
    said = spline((x[bins] + x[bins + 1]) / 2)
    miss, mean = np.abs(found - said), np.abs(left + 4 * said + right) / 6
    # A spline between large neighbours is no more exact than their last digits.
    rounding = 8 * EPS * np.maximum(np.abs(left), np.abs(right))
    size = np.abs(found) + scale
    by_value = miss > tolerance * size + rounding
    by_integral = 2 / 3 * miss > tolerance * (mean + scale) + rounding
    failed = by_value | by_integral
    counts = ~failed & (miss > rounding)
    return np.divide(miss, size, out=np.zeros_like(miss), where=counts), failed


def _widened(failed: np.ndarray, reach: int) -> np.ndarray:
    """Failed bins and their neighbours."""
    wide = failed.copy()
    for step in range(1, min(reach, len(failed) - 1) + 1):
        wide[step:] |= failed[:-step]
        wide[:-step] |= failed[step:]
    return wide


def _evaluated(f, x: np.ndarray) -> np.ndarray:
    """The function at places; refused where it is of another shape or not finite."""
    y = np.asarray(f(x), dtype=np.float64)
    if y.shape != x.shape:
        raise FitError(
            "auto_knots",
            f"f gave shape {y.shape} for places of shape {x.shape}",
            do="Let f take an array of places, for example by np.vectorize(f)",
        )
    if not np.isfinite(y).all():
        bad = int(np.flatnonzero(~np.isfinite(y))[0])
        raise FitError(
            "auto_knots",
            f"f is {y[bad]} at x = {x[bad]:.12g}",
            do="Cut the interval before that place, or mend f there",
        )
    return y


def _go_on(x, y, bins: np.ndarray, *, most: int, tolerance: float) -> None:
    """Refuse to halve bins that are too narrow, or too many."""
    width = np.diff(x)[bins]
    narrow = width < NARROWEST * max(abs(x[0]), abs(x[-1]))
    if not narrow.any() and len(x) + len(bins) <= most:
        return
    at = bins[np.argmax(np.abs(np.diff(y)[bins]) / width)]
    why = "f is not smooth there: a jump, an infinite slope, or a kink at zero"
    raise FitError(
        "auto_knots",
        f"{len(bins)} bins are not within the tolerance {tolerance:g} after {len(x)} evaluations, "
        f"the steepest from x = {x[at]:.17g} to {x[at + 1]:.17g}, where f goes from "
        f"{y[at]:.6g} to {y[at + 1]:.6g}",
        why=why if narrow.any() else "",
        do="Cut the interval there, pass scale= where f falls to zero, or a larger tolerance"
        + ("" if narrow.any() else f" or most (now {most})"),
    )


def _check(interval, *, tolerance, scale, knots, reach) -> None:
    """Refuse settings out of range."""
    low, high = interval
    wrong = {
        f"the interval is ({low:g}, {high:g})": not -np.inf < low < high < np.inf,
        f"tolerance is {tolerance}": not LEAST <= tolerance < 1,
        f"scale is {scale}": not 0 <= scale < np.inf,
        f"knots is {knots}": knots < 4,
        f"reach is {reach}": reach < 0,
    }
    said = [words for words, is_wrong in wrong.items() if is_wrong]
    if said:
        raise UsageError(
            "auto_knots",
            "; ".join(said),
            do="Pass finite ends with the lower first, a tolerance from 1e-13 to below 1, "
            "scale >= 0, knots >= 4, reach >= 0",
        )
