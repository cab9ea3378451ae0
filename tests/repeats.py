"""Intervals of many simulated tables, (tables, 3) value, low, high, against the truth."""

from __future__ import annotations

import numpy as np


def hits(found: np.ndarray, truth: float) -> int:
    """How many of the intervals hold ``truth``."""
    return int(((found[:, 1] <= truth) & (truth <= found[:, 2])).sum())


def in_words(found: np.ndarray, truth: float) -> str:
    """Truth, mean, spread, mean half-width and coverage as cells of a table."""
    value, low, high = found.T
    numbers = truth, value.mean(), value.std(ddof=1), (high - low).mean() / 2
    cells = [*(f"{x:.4f}" for x in numbers), f"{hits(found, truth) / len(found):.3f}"]
    return " | ".join(cells)
