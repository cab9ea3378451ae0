"""Leapfrog with the filter of Robert, and an implicit linear part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from trueup.core.errors import UsageError
from trueup.worlds.simulators.integrators.base import Integrator


@dataclass(frozen=True)
class Leapfrog(Integrator):
    """``(1 - 2 dt L) u_next = u_previous + 2 dt N(u)``, then ``u`` is filtered.

    The filter ``u += filter (u_previous - 2 u + u_next)`` damps the oscillation from step to step
    that leapfrog admits. One ``step`` takes ``previous``, the state a step ago; without it, it
    starts itself by ``(1 - dt L) u_next = u + dt N(u)``. Of order 2 without filter and without
    ``L``; the filter and the backward ``L`` are of order 1, with small constants. Unstable for
    damping inside ``N`` that is fast: what damps fast belongs into ``L``.

    Parameters
    ----------
    filter
        Strength of the filter, between 0 and 1; 0 for none.
    """

    filter: float = 0.04
    name: ClassVar[str] = "leapfrog"
    order: ClassVar[int] = 1
    levels: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if not 0 <= self.filter <= 1:
            raise UsageError(
                "Leapfrog", f"'filter' must lie in [0, 1]; got {self.filter}", do="Pass 0.04"
            )

    def start(self, system, modes, previous, arrays):
        return modes, previous

    def advance(self, system, carry, dt, arrays):
        u, before = carry
        n_u = system.nonlinear(u, arrays)
        if before is None:
            n_u *= dt
            n_u += u
            n_u *= inverse(system, dt, arrays)
            return n_u, u
        n_u *= 2 * dt
        n_u += before
        n_u *= inverse(system, 2 * dt, arrays)
        if not self.filter:
            return n_u, u
        filtered = before + n_u
        filtered -= 2 * u
        filtered *= self.filter
        filtered += u
        return n_u, filtered


@lru_cache(maxsize=32)
def inverse(system, dt: float, arrays):
    """``1 / (1 - dt L)``."""
    symbol = system.linear()
    symbol = np.zeros(()) if symbol is None else np.asarray(symbol)
    return arrays.constant(1 / (1 - dt * symbol))
