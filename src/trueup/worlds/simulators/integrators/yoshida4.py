"""The symplectic scheme of Yoshida, of order 4, for bodies that attract each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trueup.core.errors import UsageError
from trueup.worlds.simulators.integrators.base import Integrator


_ONE = 1 / (2 - 2 ** (1 / 3))
_TWO = 1 - 2 * _ONE
DRIFTS = (_ONE / 2, (_ONE + _TWO) / 2, (_ONE + _TWO) / 2, _ONE / 2)
KICKS = (_ONE, _TWO, _ONE)


@dataclass(frozen=True)
class Yoshida4(Integrator):
    """``x += c_i dt v``, ``v += d_i dt a(x)``, in turns: three leapfrog steps of clever lengths.

    For a system with positions ``x = state[..., 0, :, :]``, velocities ``v = state[..., 1, :, :]``
    and ``acceleration(x, arrays)``. The energy oscillates and does not drift; momentum is exact.
    Source: Yoshida 1990, Phys. Lett. A 150.
    """

    name: ClassVar[str] = "yoshida4"
    order: ClassVar[int] = 4

    def start(self, system, modes, previous, arrays):
        if not hasattr(system, "acceleration"):
            raise UsageError(
                f"{type(system).__name__}.step",
                "integrator 'yoshida4' needs positions, velocities and accelerations",
                do="Pass integrator='rk4'",
            )
        return super().start(system, modes, previous, arrays)

    def advance(self, system, carry, dt, arrays):
        made = arrays.copy(carry[0])
        x, v = made[..., 0, :, :], made[..., 1, :, :]
        for drift, kick in zip(DRIFTS, (*KICKS, 0.0), strict=True):
            x += drift * dt * v
            if kick:
                v += kick * dt * system.acceleration(x, arrays)
        return (made,)
