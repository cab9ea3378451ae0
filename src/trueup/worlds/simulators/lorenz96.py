"""Lorenz 1996: a ring of numbers that carry, damp and feed each other.

>>> Lorenz96(variables=5).tendency([8.0] * 5)  # all alike: an unstable rest
array([0., 0., 0., 0., 0.])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trueup.core.errors import UsageError
from trueup.worlds.simulators.arrays import Arrays
from trueup.worlds.simulators.integrators import Integrator, integrator
from trueup.worlds.simulators.system import AbstractSystem, check_coefficients, check_members


@dataclass(frozen=True)
class Lorenz96(AbstractSystem):
    """``x_i' = advection (x_{i+1} - x_{i-2}) x_{i-1} - damping x_i + F`` on a ring.

    With ``F = 8`` and 40 variables the largest Lyapunov exponent is about 1.67 a unit of time.

    Parameters
    ----------
    F
        Forcing.
    variables
        Number of variables of the ring, at least 4.
    advection, damping
        Coefficients of the other terms; 1 in the paper.
    integrator
        Name of an integrator, or one.

    Notes
    -----
    Source: Lorenz 1996, Predictability: a problem partly solved, ECMWF seminar. A state is
    (..., variables).
    """

    DT: ClassVar[float] = 0.05
    SPIN_UP: ClassVar[float] = 20.0

    F: float = 8.0
    variables: int = 40
    advection: float = 1.0
    damping: float = 1.0
    integrator: str | Integrator = "rk4"

    def __post_init__(self) -> None:
        check_coefficients(self, F=self.F, advection=self.advection, damping=self.damping)
        integrator(self.integrator)
        if not isinstance(self.variables, int | np.integer) or self.variables < 4:
            raise UsageError(
                "Lorenz96", f"'variables' must be at least 4; got {self.variables!r}", do="Pass 40"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(variables,)."""
        return (self.variables,)

    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        made = arrays.roll(modes, -1) - arrays.roll(modes, 2)
        made *= arrays.roll(modes, 1)
        made *= self.advection
        made -= self.damping * modes
        made += self.F
        return made

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, variables) of ``F``, with random numbers of spread 1 added."""
        count = check_members("Lorenz96.initial", members)
        return self.F + np.random.default_rng(seed).normal(size=(count, self.variables))

    def _resize(self) -> str:
        return "variables=..."
