"""What a run of an ensemble filter returns, and what is suspicious about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.estimate import Estimate


WHO = "EnsembleFilter.run"
FAR, CLOSE = 1.5, 0.6
"""Ratios of stated to seen distance beyond which something is said."""
TIED = 0.5
"""Correlation of successive innovations above which the forecast has lost the truth."""


@dataclass(frozen=True)
class Assimilated:
    """States of t times that an ensemble and observations agree on.

    With ``batched=True`` an axis of experiments follows that of times and precedes that of members.

    Attributes
    ----------
    analysis, forecast
        (t, ...) means after and before the observations of a time were used.
    spread, forecast_spread
        (t,) standard deviation of members, root mean square over the state; of the analysis before
        inflation.
    innovations
        (t, p) observed minus predicted mean; NaN where nothing was observed.
    ensemble
        (members, ...) the last analysis, inflated, from where a forecast can go on.
    smoothed, smoothed_spread
        (t, ...) and (t,) means and spreads given later observations, too; None without a smoother.
    inflation
        (t,) factor that anomalies were multiplied by.
    lost
        (time, member) of members that were not finite, from where on they were left out.
    consistency
        How far observations are from forecasts, over how far they should be by their stated error
        and the spread; 1 is right.
    findings
        What is suspicious, as errors that were not raised.
    """

    analysis: np.ndarray
    forecast: np.ndarray
    spread: np.ndarray
    forecast_spread: np.ndarray
    innovations: np.ndarray
    ensemble: np.ndarray
    smoothed: np.ndarray | None
    smoothed_spread: np.ndarray | None
    inflation: np.ndarray
    lost: tuple[tuple[int, int], ...]
    consistency: Estimate
    findings: tuple[EvidenceError, ...]

    def check(self) -> Assimilated:
        """Itself, or the first finding, raised."""
        if self.findings:
            raise self.findings[0]
        return self

    def rmse(self, truth, *, of: str = "analysis", burn_in: int = 0) -> Estimate:
        """Root mean square error over the state, averaged over times after ``burn_in``.

        ``truth`` has the shape of what it is compared ``of``: ``"analysis"``, ``"forecast"`` or
        ``"smoothed"``. The interval is that of means of stretches of time, and of experiments.
        """
        made = getattr(self, of)
        error = np.asarray(made[burn_in:] - np.asarray(truth)[burn_in:], dtype=float)
        error = error.reshape(*self.spread[burn_in:].shape, -1)
        return over_time(np.sqrt((error**2).mean(-1)), "means of stretches of time")


def over_time(series: np.ndarray, how: str) -> Estimate:
    """Mean of (t,) or (t, e) dependent numbers, with the interval of means of stretches of time."""
    series = series.reshape(len(series), -1)
    blocks = min(max(len(series) // 50, 2), 30)
    if len(series) < 2 * blocks:
        return Estimate(float(series.mean()), n=series.size, how=how)
    means = np.array([part.mean(0) for part in np.array_split(series, blocks)]).ravel()
    half = 1.96 * means.std(ddof=1) / len(means) ** 0.5
    value = float(series.mean())
    return Estimate(value, value - half, value + half, n=series.size, how=how)


def judge(ratio2: np.ndarray, innovations: np.ndarray, seen: np.ndarray, sd, members: int):
    """Consistency, and findings.

    ``ratio2`` (t, e) mean of squared innovations over their expected squares, NaN without
    observations; ``innovations`` (t, e, p); ``seen`` (t, e) spread over the error of observations.
    """
    later = ratio2[len(ratio2) // 2 if len(ratio2) > 3 else 0 :]
    known = later[np.isfinite(later).all(1)]
    if not len(known):
        return Estimate(np.nan, how="no observation in the second half"), ()
    square = over_time(known, "")
    low, high = (max(x, 0.0) ** 0.5 if x == x else x for x in (square.low, square.high))
    found = Estimate(square.value**0.5, low, high, n=known.size, how="second half of all times")
    return found, tuple(_findings(found, innovations, seen, sd, members))


def _findings(found: Estimate, innovations, seen, sd, members: int):
    said = (
        f"observations are {found.value:.1f} times as far from the forecast as their stated error "
        f"and the spread allow"
    )
    if found.value > FAR and not found.low < 1.2:
        tied = _tied(innovations)
        spread = float(np.nanmean(seen[len(seen) // 2 :]))
        if tied > TIED:
            yield EvidenceError(
                WHO,
                f"{said}; the spread of {members} members is {spread:.2g} of the stated error",
                why=f"innovations go on from one time to the next (correlation {tied:.2f}): the "
                "ensemble is sure of a state that is not the truth",
                do="Raise inflation, set rotate=True, take more members or a localisation",
            )
        else:
            likely = found.value * float(np.mean(sd))
            yield EvidenceError(
                WHO,
                f"{said} (error = {float(np.mean(sd)):.3g})",
                why=f"innovations come and go (correlation {tied:.2f}), as errors of observations "
                "do: their unit or size is wrong",
                do=f"Pass error in the unit of observations; about {likely:.2g}, or less, fits",
            )
    elif found.value < CLOSE and not found.high > 0.85:
        yield EvidenceError(
            WHO,
            f"{said} (error = {float(np.mean(sd)):.3g})",
            why="the stated error, or the spread, is too large",
            do="Pass error as a standard deviation, not a variance, and lower inflation",
        )


def _tied(innovations: np.ndarray) -> float:
    """Correlation of the innovations of one time with those of the next."""
    later = innovations[len(innovations) // 2 :]
    one, two = later[:-1], later[1:]
    both = np.isfinite(one) & np.isfinite(two)
    if not both.any():
        return 0.0
    one, two = one[both], two[both]
    size = float(np.sqrt((one**2).sum() * (two**2).sum()))
    return float((one * two).sum() / size) if size else 0.0
