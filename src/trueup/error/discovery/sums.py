"""Sums over all windows: some windows at a time here, or by Dask where the states are its."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from trueup.core.windows import Windows, is_lazy
from trueup.error.discovery.grams import Grams, covering


FAN = 16
"""Sums that are added at a time."""
DRAWN = 4_000_000
"""Random numbers that are drawn at a time to reach the place of a block."""
Make = Callable[[np.ndarray, Any], Grams]
"""``(states (n, m + 1, ...), rng) -> Grams`` of n windows."""


def summed(windows: Windows, make: Make, *, numbers: int, rng: Any = None) -> Grams:
    """Sums over all ``windows``, of which about so many ``numbers`` are held at a time.

    States of a Dask array are summed by its scheduler, a block a task: on the workers of a client
    where there is one. Random numbers of ``rng`` fall on the same states as without.
    """
    many = len(windows)
    if not is_lazy(windows.states):
        return Grams.joined((make(part, rng) for part in windows.chunks(numbers)), many)
    from dask.base import compute
    from dask.delayed import delayed

    whole = windows.states.rechunk({axis: -1 for axis in range(1, windows.states.ndim)})
    sizes = whole.chunks[0]
    firsts = np.cumsum([0, *sizes[:-1]]).tolist()
    told = delayed((make, windows.dt, many, numbers), pure=False, traverse=False)
    draws = streams(rng, [size * int(np.prod(whole.shape[1:])) for size in sizes])
    parts = zip(whole.to_delayed().ravel(), firsts, draws, strict=True)
    tasks = [delayed(_block)(told, part, first, one) for part, first, one in parts]
    while len(tasks) > FAN:
        tasks = [delayed(covering)(tasks[i : i + FAN]) for i in range(0, len(tasks), FAN)]
    return Grams.merged(compute(*tasks), many)


def streams(rng: Any, counts: list[int]) -> Iterator[Any]:
    """A generator for every block, at the place that ``counts`` of normal numbers lead to."""
    for count in counts:
        yield copy.deepcopy(rng)
        for first in range(0, count if rng is not None else 0, DRAWN):
            rng.normal(size=min(DRAWN, count - first))


def _block(told: tuple, states: np.ndarray, first: int, rng: Any) -> tuple[int, Grams]:
    """Sums of one block of windows, the ``first`` of which is told."""
    make, dt, many, numbers = told
    pieces = []
    for part in Windows(states, dt).chunks(numbers):
        pieces.append(make(part, rng).piece(first, many))
        first += len(part)
    return covering(pieces)
