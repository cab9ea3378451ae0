"""Smoothers that run a window of times again and again slide it along observations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trueup.error.assimilation.cycle import Cycle, Lost, split, spread_of


def slide(cycle: Cycle, E: np.ndarray, lag: int, solve: Callable):
    """Last ensemble, smoothed means (t, e, m) and spreads (t, e).

    ``solve(cycle, E, k, cycles)`` draws an ensemble towards the observation of time k, so many
    cycles later. A window starts at the ensemble ``lag`` cycles before its observation.
    """
    smoothed = np.empty_like(cycle.means["analysis"])
    spreads = np.empty_like(cycle.spreads["analysis"])
    now = E
    for k in range(cycle.times):
        cycles = min(k + 1, lag)
        E, now = _window(cycle, E, k, cycles, solve)
        cycle.write("analysis", k, *split(now))
        if k >= lag:
            _settle(E, k - lag, smoothed, spreads)
        if k + 1 >= lag:
            E, now = (now, now) if lag == 1 else _onward(cycle, E, now, k)
    for j in range(max(cycle.times - lag, 0), cycle.times):
        if j > cycle.times - lag or cycle.times < lag:
            E, now = _onward(cycle, E, now, j)
        _settle(E, j, smoothed, spreads)
    return now, smoothed, spreads


def _window(cycle: Cycle, E: np.ndarray, k: int, cycles: int, solve: Callable):
    """The ensemble at the start of a window and at its end; starts again when members are lost."""
    while True:
        try:
            made = E if cycle.nothing[k] else solve(cycle, E, k, cycles)
            now = cycle.forecast(made, k, cycles)
            if cycle.nothing[k]:
                cycle.write("forecast", k, *split(now))
            return made, now
        except Lost as lost:
            E = E[:, lost.kept]


def _onward(cycle: Cycle, E: np.ndarray, now: np.ndarray, k: int):
    """The start of a window a cycle later; members that this loses leave the end, too."""
    while True:
        try:
            return cycle.forecast(E, k), now
        except Lost as lost:
            E, now = E[:, lost.kept], now[:, lost.kept]


def _settle(E: np.ndarray, k: int, smoothed: np.ndarray, spreads: np.ndarray) -> None:
    mean, A = split(E)
    smoothed[k], spreads[k] = mean, spread_of(A)
