"""Crank-Nicolson for the linear part, Adams-Bashforth of order 2 for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from trueup.worlds.simulators.integrators.base import Integrator


@dataclass(frozen=True)
class CNAB2(Integrator):
    """``(1 - dt L / 2) u' = (1 + dt L / 2) u + dt (3 N(u) - N(u_previous)) / 2``.

    Two levels: a run remembers ``N(u_previous)``; one ``step`` takes ``previous``, the state a step
    ago. Without it the step starts itself, by one round of Heun's scheme for ``N``::

        (1 - dt L / 2) p  = (1 + dt L / 2) u + dt N(u)
        (1 - dt L / 2) u' = (1 + dt L / 2) u + dt (N(u) + N(p)) / 2

    which is of order 2, too, for twice the evaluations.
    """

    name: ClassVar[str] = "cnab2"
    order: ClassVar[int] = 2
    levels: ClassVar[int] = 2

    def start(self, system, modes, previous, arrays):
        return modes, None if previous is None else system.nonlinear(previous, arrays)

    def advance(self, system, carry, dt, arrays):
        u, n_before = carry
        explicit, implicit = coefficients(system, dt, arrays)
        n_u = system.nonlinear(u, arrays)
        kept = explicit * u
        if n_before is None:
            guess = implicit * (kept + dt * n_u)
            made = (0.5 * dt) * (n_u + system.nonlinear(guess, arrays))
        else:
            made = (1.5 * dt) * n_u
            made -= (0.5 * dt) * n_before
        made += kept
        made *= implicit
        return made, n_u


@lru_cache(maxsize=32)
def coefficients(system, dt: float, arrays) -> tuple:
    """``1 + dt L / 2`` and ``1 / (1 - dt L / 2)``."""
    symbol = system.linear()
    half = 0.5 * dt * (np.zeros(()) if symbol is None else np.asarray(symbol))
    return arrays.constant(1 + half), arrays.constant(1 / (1 - half))
