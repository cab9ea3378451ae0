"""The sweep of Venn-ABERS: the isotonic curve at every score with one more event there."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression


def probabilities_if_event(mass: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Isotonic value (m,) at every score if one more event had this score.

    Cumulate weight and events from the left: the isotonic curve is the slope of the greatest convex
    minorant of these points, and the added event moves all points from its place on by (1, 1). As
    it passes a score, that score's point falls back by (1, 1). Slopes are at most 1, so nothing
    that lay above the minorant comes to lie below it: only the point that fell can become a corner,
    and corners to the right can only vanish. Between two changes of the minorant the value is the
    same, so runs of scores are skipped at once; the sweep costs O(m) and a little for each step of
    the curve.

    Parameters
    ----------
    mass, events
        (m,) weight and weighted events of the scores, rising.
    """
    n = np.concatenate([[0.0], np.cumsum(mass)])
    s = np.concatenate([[0.0], np.cumsum(events)])
    corners = _corners(mass, events)
    found = np.empty(len(mass))
    left_n = left_s = 0.0  # the corner where the segment with the added event begins
    i = 1  # the added event has the score of segment i, counted from 1
    while i <= len(mass):
        c = corners[-1]  # and there it ends
        run_n, run_s = n[c] + 1.0 - left_n, s[c] + 1.0 - left_s
        fallen = _first_below(n, s, i, c, left_n, left_s, run_n, run_s)
        found[i - 1 : fallen] = run_s / run_n
        i = fallen + 1
        if fallen == c:
            corners.pop()
        if (s[fallen] - left_s) * run_n < run_s * (n[fallen] - left_n):
            left_n, left_s = n[fallen], s[fallen]
        _straighten(corners, n, s, left_n, left_s)
    return found


def _corners(mass: np.ndarray, events: np.ndarray) -> list[int]:
    """Corners of the minorant with the added event at the first score, the nearest last."""
    first_mass, first_events = mass.copy(), events.copy()
    first_mass[0], first_events[0] = mass[0] + 1.0, events[0] + 1.0
    blocks = isotonic_regression(first_events / first_mass, weights=first_mass).blocks
    return blocks[:0:-1].tolist()


def _first_below(n, s, i: int, c: int, left_n, left_s, run_n, run_s) -> int:
    """The first of the points i .. c that falls below the segment, else c."""
    size = 8
    while i < c:
        stop = min(i + size, c)
        below = (s[i:stop] - left_s) * run_n < run_s * (n[i:stop] - left_n)
        place = int(below.argmax())
        if below[place]:
            return i + place
        i, size = stop, size * 4
    return c


def _straighten(corners: list[int], n, s, left_n: float, left_s: float) -> None:
    """Drop corners that the segment from the left passes below."""
    while len(corners) > 1:
        a, b = corners[-1], corners[-2]
        rise, run = s[a] + 1.0 - left_s, n[a] + 1.0 - left_n
        if rise * (n[b] - n[a]) < (s[b] - s[a]) * run:
            break
        corners.pop()
