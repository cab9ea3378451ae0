"""What adaptive intervals remember between one time and the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from trueup.calibration.conformal.experts import Experts
from trueup.calibration.conformal.ranks import ROUNDING
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.estimate import Estimate


if TYPE_CHECKING:
    from trueup.calibration.conformal.adaptive import AdaptiveConformal


@dataclass(frozen=True, eq=False)
class AdaptiveStep:
    """Intervals of one time, to be handed back with the truth when that is known.

    Attributes
    ----------
    low, high
        (s,) ends; infinite where too few scores are remembered for the level.
    forecast, scale
        (s,) what they were made from.
    reach
        (k, s) half widths in units of the scale, a row a rate; -1 for an empty interval.
    """

    low: np.ndarray
    high: np.ndarray
    forecast: np.ndarray
    scale: np.ndarray
    reach: np.ndarray


@dataclass(eq=False)
class AdaptiveState:
    """What ``AdaptiveConformal`` has learned so far.

    Truths may come late, in any order: hand back the step that they belong to.
    """

    settings: AdaptiveConformal
    series: int
    alpha: np.ndarray = field(init=False)
    """(k, s) the misses that are asked for at present."""

    def __post_init__(self) -> None:
        if self.series < 1:
            raise UsageError(
                "AdaptiveConformal.start", f"series is {self.series}", do="Pass 1 or more"
            )
        rates, s = self.settings.rates, self.settings
        self.alpha = np.full((len(rates), self.series), 1 - s.level)
        columns = 1 if s.pooled else self.series
        self._scores = np.full((s.window, columns), np.nan)
        self._seen = np.zeros(columns, dtype=np.int64)
        half = (1 - s.level) / 2
        self._experts = [Experts(len(rates), self.series, level) for level in (half, 1 - half)]

    def intervals(self, forecast: np.ndarray, *, scale: np.ndarray | float = 1.0) -> AdaptiveStep:
        """Intervals of the next time of every series, from forecasts (s,)."""
        forecast, scale = (self._row("intervals", each) for each in (forecast, scale))
        if not np.isfinite(forecast).all() or not (scale > 0).all():
            raise EvidenceError(
                "AdaptiveConformal.intervals",
                "a forecast is not finite, or a scale not positive",
                do="Mend or leave out these series",
            )
        reach = self._reach()
        low, high = forecast - scale * reach.clip(0), forecast + scale * reach.clip(0)
        if len(reach) > 1:
            low, high = (e.mix(ends) for e, ends in zip(self._experts, (low, high), strict=True))
        else:
            low, high = low[0], high[0]
        return AdaptiveStep(low, high, forecast, scale, reach)

    def update(self, step: AdaptiveStep, truth: np.ndarray) -> None:
        """Learn from the truths (s,) of a step; NaN where one is not known."""
        truth = self._row("update", truth)
        known = ~np.isnan(truth)
        score = np.abs(truth - step.forecast) / step.scale
        missed = score > step.reach
        change = self.settings.rates[:, None] * (1 - self.settings.level - missed)
        self.alpha[:, known] += change[:, known]
        if len(step.reach) > 1:
            reach = step.scale * step.reach.clip(0)
            self._experts[0].learn(step.forecast - reach, step.low, truth)
            self._experts[1].learn(step.forecast + reach, step.high, truth)
        self.remember(score)

    def remember(self, scores: np.ndarray) -> None:
        """Add scores (s,); NaN are left out, the oldest are forgotten."""
        rows = scores[:, None] if self.settings.pooled else scores[None]
        for row in rows:
            column = np.flatnonzero(~np.isnan(row))
            self._scores[self._seen[column] % len(self._scores), column] = row[column]
            self._seen[column] += 1

    def _reach(self) -> np.ndarray:
        """Half widths (k, s): ranked scores, infinite beyond the greatest, -1 below the least."""
        ranked = np.sort(self._scores, axis=0)  # NaN last
        count = np.minimum(self._seen, len(ranked))
        rank = np.ceil((1 - self.alpha) * (count + 1) - ROUNDING)
        if len(self.alpha) > 1:  # what is infinite cannot be mixed
            rank = np.where(count > 0, np.minimum(rank, count), rank)
        place = np.clip(rank, 1, np.maximum(count, 1)).astype(np.int64) - 1
        column = np.zeros(1, dtype=np.int64) if self.settings.pooled else np.arange(self.series)
        reach = np.where(rank > count, np.inf, ranked[place, column])
        return np.where(rank < 1, -1.0, reach)

    def _row(self, call: str, values) -> np.ndarray:
        row = np.asarray(values, dtype=np.float64)
        if row.ndim and row.shape != (self.series,):
            raise EvidenceError(
                f"AdaptiveConformal.{call}",
                f"got shape {row.shape} for {self.series} series",
                do="Pass one number a series",
            )
        return np.broadcast_to(row, (self.series,))


@dataclass(frozen=True, eq=False)
class AdaptiveRun:
    """Intervals of whole series, each made before its truth was seen.

    Attributes
    ----------
    low, high
        Ends, in the shape of the truth; infinite while too few scores are remembered.
    inside
        Whether the truth was inside.
    known
        Whether there was a truth.
    level
        What was asked for.
    """

    low: np.ndarray
    high: np.ndarray
    inside: np.ndarray
    known: np.ndarray
    level: float

    @property
    def coverage(self) -> Estimate:
        """Share of known truths inside, with an interval from 20 blocks of time."""
        parts = np.array_split(np.arange(len(self.inside)), 20)
        hits = np.array([self.inside[p][self.known[p]].sum() for p in parts], dtype=float)
        counts = np.array([self.known[p].sum() for p in parts], dtype=float)
        n, value = int(counts.sum()), hits.sum() / max(counts.sum(), 1)
        if (counts == 0).any():
            return Estimate(float(value), n=n, how="no interval: fewer than 20 times")
        rest = (hits.sum() - hits) / (counts.sum() - counts)
        spread = 2.093 * np.sqrt(19 / 20 * ((rest - rest.mean()) ** 2).sum())
        how = "jackknife over 20 blocks of time, t with 19 degrees"
        return Estimate(float(value), float(value - spread), float(value + spread), n=n, how=how)
