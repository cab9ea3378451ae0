"""Change over time of a forecast of numbers: of its error, its spread, its coverage."""

from __future__ import annotations

import numpy as np

from trueup.audit.drift import LEAST_CHUNKS, Drift, drift_of, held_together, weighed_chunks
from trueup.audit.finding import Finding, percent, severity
from trueup.core.cells import Cells
from trueup.core.forms import Form
from trueup.core.number_sums import share_name, usual_share
from trueup.core.tables.clock import Clock


COVERAGE, PART = 0.02, 0.1
"""Least changes worth naming: of coverage; of an error or a width, as a part of its size."""


def find_number_drift(
    chunks: Cells, clock: Clock, form: Form, *, level: float = 0.95
) -> list[Drift]:
    """The series of a table in time; empty with fewer than eight chunks."""
    chunks, starts = weighed_chunks(chunks, clock)
    if len(starts) < LEAST_CHUNKS:
        return []
    return held_together(
        [
            drift_of(name, label, value, error, chunks, starts, level, matters=matters)
            for name, label, value, error, matters in _series(chunks, form)
        ]
    )


def _series(chunks: Cells, form: Form) -> list[tuple[str, str, np.ndarray, np.ndarray, float]]:
    """Name, label, value and standard error (chunks,), and the least change worth naming."""
    w = chunks["w"].sum(axis=1)
    kish = w**2 / chunks["w2"].sum(axis=1)

    def mean(name: str) -> np.ndarray:
        return chunks[name].sum(axis=1) / w

    error, size, square = mean("error"), mean("absolute"), mean("square")
    usual = float((w * size).sum() / w.sum())
    found = [
        (
            "error",
            "Mean error",
            error,
            np.sqrt(np.maximum(square - error**2, 0) / kish),
            PART * usual,
        ),
    ]
    share = usual_share(form)
    if share is None:
        noise = np.sqrt(np.maximum(square - size**2, 0) / kish)
        return [*found, ("size", "Mean absolute error", size, noise, PART * usual)]
    held, spread = mean(share_name("coverage", share)), mean("sd")
    noise = np.sqrt(np.maximum(mean("variance") - spread**2, 0) / kish)
    usual = float((w * spread).sum() / w.sum())
    return [
        *found,
        ("spread", "Mean stated spread (sd)", spread, noise, PART * usual),
        (
            "coverage",
            f"Share of truths in the {100 * share:g}% interval",
            held,
            np.sqrt(held * (1 - held) / kish),
            COVERAGE,
        ),
    ]


def number_drift_findings(drifts: list[Drift]) -> list[Finding]:
    """A finding for every series that changed."""
    return [_finding(drift) for drift in drifts if drift.changed]


def _finding(drift: Drift) -> Finding:
    size, picture = abs(drift.shift.value), f"drift:{drift.series}"
    part = 0.1 * size / drift.matters * PART
    if drift.series == "coverage":
        text = (
            f"{drift.label} moved from {percent(drift.before)} to {percent(drift.after)} at "
            f"{drift.change_at}."
        )
        return Finding("drift_coverage", severity(size), text, drift.shift, picture, size)
    text = f"{drift.label} moved from {drift.before:.4g} to {drift.after:.4g} at {drift.change_at}."
    grave = "medium" if size >= 3 * drift.matters else "low"
    return Finding(f"drift_{drift.series}", grave, text, drift.shift, picture, part, "")
