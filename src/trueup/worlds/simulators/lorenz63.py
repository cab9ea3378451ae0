"""Lorenz 1963: three numbers, two wings.

>>> system = Lorenz63()
>>> system.tendency([1.0, 2.0, 3.0])
array([10., 23., -6.])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trueup.worlds.simulators.arrays import Arrays
from trueup.worlds.simulators.integrators import Integrator, integrator
from trueup.worlds.simulators.system import AbstractSystem, check_coefficients, check_members


@dataclass(frozen=True)
class Lorenz63(AbstractSystem):
    """``x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z``.

    Its largest Lyapunov exponent is .906 a unit of time, and all three add to
    ``-(sigma + 1 + beta)``.

    Parameters
    ----------
    sigma, rho, beta
        Coefficients of the equations.
    integrator
        Name of an integrator, or one.

    Notes
    -----
    Source: Lorenz 1963, J. Atmos. Sci. 20(2), 130-141. A state is (..., 3).
    """

    DT: ClassVar[float] = 0.01
    SPIN_UP: ClassVar[float] = 30.0

    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3
    integrator: str | Integrator = "rk4"

    def __post_init__(self) -> None:
        check_coefficients(self, sigma=self.sigma, rho=self.rho, beta=self.beta)
        integrator(self.integrator)

    @property
    def shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)

    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        x, y, z = modes[..., 0], modes[..., 1], modes[..., 2]
        return arrays.stack((self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z))

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, 3) states near (0, 1, 20); the first is that state itself."""
        count = check_members("Lorenz63.initial", members)
        start = np.array([0.0, 1.0, 20.0]) + np.random.default_rng(seed).normal(size=(count, 3))
        start[0] = 0.0, 1.0, 20.0
        return start
