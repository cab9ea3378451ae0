"""The classical scheme of Runge and Kutta, of order 4, for what is not stiff."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from trueup.worlds.simulators.integrators.base import Integrator


@dataclass(frozen=True)
class RK4(Integrator):
    """``k1 = f(u), k2 = f(u + dt k1 / 2), k3 = f(u + dt k2 / 2), k4 = f(u + dt k3)``.

    ``u' = u + dt (k1 + 2 k2 + 2 k3 + k4) / 6`` with ``f(u) = L u + N(u)``. For systems whose
    fastest rate times ``dt`` stays below 2.8; diffusion on a fine grid wants ETDRK4.
    """

    name: ClassVar[str] = "rk4"
    order: ClassVar[int] = 4

    def advance(self, system, carry, dt, arrays):
        (u,) = carry
        k1 = rate(system, u, arrays)
        k2 = rate(system, u + 0.5 * dt * k1, arrays)
        k3 = rate(system, u + 0.5 * dt * k2, arrays)
        k4 = rate(system, u + dt * k3, arrays)
        k2 += k3
        k2 *= 2
        k1 += k2
        k1 += k4
        k1 *= dt / 6
        k1 += u
        return (k1,)


def rate(system, modes, arrays):
    """``L u + N(u)`` in modes."""
    found = system.nonlinear(modes, arrays)
    symbol = _symbol(system, arrays)
    return found if symbol is None else found + symbol * modes


@lru_cache(maxsize=32)
def _symbol(system, arrays):
    symbol = system.linear()
    return None if symbol is None else arrays.constant(symbol)
