"""Lorenz 1984: the westerly wind and the waves that it feeds, in three numbers.

>>> Lorenz84(G=0.0).tendency([8.0, 0.0, 0.0])  # without contrast of land and sea: at rest
array([0., 0., 0.])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trueup.worlds.simulators.arrays import Arrays
from trueup.worlds.simulators.integrators import Integrator, integrator
from trueup.worlds.simulators.system import AbstractSystem, check_coefficients, check_members


@dataclass(frozen=True)
class Lorenz84(AbstractSystem):
    """``x' = -y^2 - z^2 - a x + a F, y' = x y - b x z - y + G, z' = b x y + x z - z``.

    Parameters
    ----------
    a, b, F, G
        Coefficients of the equations; the usual ones are of perpetual winter.
    integrator
        Name of an integrator, or one.

    Notes
    -----
    Source: Lorenz 1984, Tellus 36A, 98-110. A state is (..., 3).
    """

    DT: ClassVar[float] = 0.02
    SPIN_UP: ClassVar[float] = 100.0

    a: float = 0.25
    b: float = 4.0
    F: float = 8.0
    G: float = 1.0
    integrator: str | Integrator = "rk4"

    def __post_init__(self) -> None:
        check_coefficients(self, a=self.a, b=self.b, F=self.F, G=self.G)
        integrator(self.integrator)

    @property
    def shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)

    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        x, y, z = modes[..., 0], modes[..., 1], modes[..., 2]
        return arrays.stack((
            -y * y - z * z + self.a * (self.F - x),
            x * (y - self.b * z) - y + self.G,
            x * (self.b * y + z) - z,
        ))  # fmt: skip

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, 3) states near (1, 0, -.75); the first is that state itself."""
        count = check_members("Lorenz84.initial", members)
        start = np.random.default_rng(seed).normal(scale=0.3, size=(count, 3))
        start[0] = 0.0
        return start + np.array([1.0, 0.0, -0.75])
