"""How series, slices, severities and outcomes are called on the page, and in which unit."""

from __future__ import annotations


SERIES: dict[str, tuple[str, str, str | None]] = {
    "base_rate": ("Base rate", "points", "base rate"),
    "score": ("Score", "points", "score"),
    "calibration": ("Calibration gap", "points", "calibration gap"),
    "error": ("Mean error", "", "bias"),
    "size": ("Mean absolute error", "", "mae"),
    "spread": ("Stated spread", "", "spread"),
    "coverage": ("Coverage", "points", "coverage"),
}

# A level is a percentage; its change is in points.
SERIES_LEVELS = {
    "base_rate": "percent",
    "score": "percent",
    "calibration": "points",
    "coverage": "percent",
}

SLICE_UNITS = {
    "calibration_gap": "points",
    "accuracy": "points",
    "log_loss": "nat",
    "coverage": "points",
    "below_median": "points",
}

SEVERITY = {"high": "High", "medium": "Medium", "low": "Low", "ok": "Fine"}

OUTCOMES = {
    "proven": "Proven",
    "not_worse": "Not worse",
    "no_improvement": "No improvement",
    "not_enough_evidence": "Not enough evidence",
    "diverged": "Diverged",
    "nonfinite": "Not finite",
}
