"""Change over time: of the base rate, of the scores, and of what the scores mean."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trueup.audit.finding import Finding, percent, points, severity
from trueup.core.cells import Cells
from trueup.core.estimate import Estimate
from trueup.core.jackknife import t_quantile
from trueup.core.multiple import holm
from trueup.core.tables.clock import Clock


SURE = 0.01
MATTERS = 0.01
SHUFFLES = 1999
LEAST_CHUNKS = 8


@dataclass(frozen=True, eq=False)
class Drift:
    """One series over chunks of time, and the change that was located in it.

    Attributes
    ----------
    series, label
        ``"base_rate"``, ``"score"`` or ``"calibration"``, and its name for people.
    at, value, error, n
        (chunks,) start, value, standard error and rows.
    p_value
        Of no change, by permutation of the chunks, after Holm over the three series.
    change_at
        Start of the first chunk after the change; None where there is none.
    shift
        After minus before the most likely place of a change.
    before, after
        Mean of the series on the two sides.
    matters
        The least shift worth naming, in the unit of the series.
    """

    series: str
    label: str
    at: list
    value: np.ndarray
    error: np.ndarray
    n: np.ndarray
    p_value: float
    place: int
    shift: Estimate
    before: float
    after: float
    matters: float = MATTERS

    @property
    def changed(self) -> bool:
        """Whether a change is sure and large enough to matter."""
        return self.p_value < SURE and abs(self.shift.value) >= self.matters

    @property
    def change_at(self):
        """Start of the first chunk after the change."""
        return self.at[self.place] if self.changed else None

    def to_dict(self) -> dict:
        """A dict for JSON."""
        half = 1.96 * self.error
        low, high = self.value - half, self.value + half
        columns = zip(self.at, self.value, low, high, self.n, strict=True)
        return {
            "series": self.series,
            "label": self.label,
            "p_value": self.p_value,
            "change_at": self.change_at,
            "estimate": self.shift.to_dict(),
            "points": [
                {"at": at, "value": float(v), "low": float(lo), "high": float(hi), "n": int(n)}
                for at, v, lo, hi, n in columns
            ],
        }


def find_drift(chunks: Cells, clock: Clock, *, event: bool, level: float = 0.95) -> list[Drift]:
    """The three series of a table in time; empty with fewer than eight chunks."""
    chunks, starts = weighed_chunks(chunks, clock)
    if len(starts) < LEAST_CHUNKS:
        return []
    happens = "Share of events" if event else "Share of rows that are right"
    stated = "Mean stated probability" if event else "Mean stated confidence"
    labels = {
        "base_rate": happens,
        "score": stated,
        "calibration": "Outcome minus what the same score meant overall",
    }
    return held_together(
        [
            drift_of(name, labels[name], *series, chunks, starts, level)
            for name, series in _series(chunks).items()
        ]
    )


def weighed_chunks(chunks: Cells, clock: Clock) -> tuple[Cells, list]:
    """Chunks that hold rows, and their starts: one model of several, or a weight, may skip some."""
    weighed = chunks["w"].sum(axis=1) > 0
    starts = [start for start, some in zip(clock.starts, weighed, strict=True) if some]
    return Cells(chunks.names, chunks.sums[:, weighed]), starts


def held_together(found: list[Drift]) -> list[Drift]:
    """The series with their p-values after Holm over all of them."""
    adjusted = holm([drift.p_value for drift in found])
    return [replace(drift, p_value=float(p)) for drift, p in zip(found, adjusted, strict=True)]


def _series(chunks: Cells) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Value and standard error (chunks,) of every series."""
    w, y, p = chunks["w"], chunks["y"], chunks["p"]
    mass = w.sum(axis=1)
    kish = mass**2 / chunks["w2"].sum(axis=1)
    rate = y.sum(axis=0) / np.maximum(w.sum(axis=0), 1e-300)
    base, score = y.sum(axis=1) / mass, p.sum(axis=1) / mass
    mean = p / np.where(w > 0, w, 1.0)
    spread = (w * (mean - score[:, None]) ** 2).sum(axis=1) / mass
    gap = (y - w * rate).sum(axis=1) / mass
    noise = (w * rate * (1 - rate)).sum(axis=1) / mass
    return {
        "base_rate": (base, np.sqrt(base * (1 - base) / kish)),
        "score": (score, np.sqrt(spread / kish)),
        "calibration": (gap, np.sqrt(noise / kish)),
    }


def drift_of(
    name,
    label,
    value,
    error,
    chunks: Cells,
    starts: list,
    level: float,
    *,
    matters: float = MATTERS,
) -> Drift:
    """One series (chunks,) of ``value`` with its standard ``error``, and its most likely change."""
    weight, n = chunks["w"].sum(axis=1), chunks["n"].sum(axis=1)
    place, statistic = _cusum(value, weight)
    rng = np.random.default_rng(0)
    beaten = 0
    for _ in range(SHUFFLES):
        order = rng.permutation(len(value))
        beaten += _cusum(value[order], weight[order])[1] >= statistic * (1 - 1e-12)
    shift, before, after = _shift(value, weight, place, level, int(n.sum()))
    p_value = (1 + beaten) / (1 + SHUFFLES)
    sides = (shift, before, after, matters)
    return Drift(name, label, starts, value, error, n, p_value, place, *sides)


def _cusum(value: np.ndarray, weight: np.ndarray) -> tuple[int, float]:
    """First chunk after the most likely change, and how far the running sum strays there."""
    total = weight.sum()
    centred = weight * (value - (weight * value).sum() / total)
    share = np.cumsum(weight)[:-1] / total
    # Dividing by the bridge's standard deviation gives early and late changes a fair chance.
    away = np.abs(np.cumsum(centred)[:-1]) / np.sqrt(np.maximum(share * (1 - share), 0.02))
    return int(away.argmax()) + 1, float(away.max())


def _shift(value, weight, place: int, level: float, n: int) -> tuple[Estimate, float, float]:
    """After minus before, with Welch's interval over chunks."""
    sides = (slice(None, place), slice(place, None))
    means = [float(np.average(value[s], weights=weight[s])) for s in sides]
    counts = [len(value[s]) for s in sides]
    spread = [
        float(np.average((value[s] - mean) ** 2, weights=weight[s]))
        for s, mean in zip(sides, means, strict=True)
    ]
    df = len(value) - 2
    # One common spread: a side of one or two chunks has none of its own to speak of.
    pooled = sum(c * v for c, v in zip(counts, spread, strict=True)) / df
    half = t_quantile(level, df) * np.sqrt(pooled * (1 / counts[0] + 1 / counts[1]))
    shift = means[1] - means[0]
    how = f"chunks of time, t({df}); the place was chosen by the data"
    return Estimate(shift, shift - half, shift + half, level, n, how), *means


def drift_findings(drifts: list[Drift]) -> list[Finding]:
    """A finding for every series that changed."""
    return [_finding(drift) for drift in drifts if drift.changed]


def _finding(drift: Drift) -> Finding:
    size, picture = abs(drift.shift.value), f"drift:{drift.series}"
    if drift.series == "calibration":
        way = "fewer" if drift.shift.value < 0 else "more"
        text = (
            f"From {drift.change_at} on, the same scores are followed by {way} events than before: "
            f"{points(size)} {way}."
        )
        return Finding("drift_calibration", severity(size), text, drift.shift, picture, size)
    text = (
        f"{drift.label} moved from {percent(drift.before)} to {percent(drift.after)} at "
        f"{drift.change_at}."
    )
    grave = "medium" if size >= 0.05 else "low"
    return Finding(f"drift_{drift.series}", grave, text, drift.shift, picture, size)
