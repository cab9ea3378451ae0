"""The Swift-Hohenberg equation: stripes of a width of their own.

>>> system = SwiftHohenberg(grid=Line(64, 12 * 3.141592653589793))
>>> float(system.run(system.initial(), 0.1, steps=500, every=500)[-1].std().round(2))
0.45
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.worlds.simulators.integrators import Integrator
from trueup.worlds.simulators.line import AbstractLine, Line
from trueup.worlds.simulators.system import check_members


LINE = Line(points=256, length=40 * np.pi)


@dataclass(frozen=True)
class SwiftHohenberg(AbstractLine):
    """``u_t - r u + (1 + d^2/dx^2)^2 u - b u^2 + c u^3 + extra = 0`` on a periodic line.

    A wave of wavenumber k grows from nothing at the rate ``r - (1 - k^2)^2``; near onset stripes
    settle at the amplitude ``2 sqrt(r / (3 c))``.

    Parameters
    ----------
    r, b, c
        Distance from onset, and coefficients of the other powers; without ``c`` above 0 there is no
        bound.
    extra
        Further terms on the side of ``u_t``, name -> coefficient.
    grid
        The line.
    integrator
        Name of an integrator, or one.

    Notes
    -----
    Source: Swift and Hohenberg 1977, Phys. Rev. A 15, 319.
    """

    DT: ClassVar[float] = 0.1
    SPIN_UP: ClassVar[float] = 100.0

    r: float = 0.3
    b: float = 0.0
    c: float = 1.0
    extra: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
    grid: Line = LINE
    integrator: str | Integrator = "etdrk4"

    def terms(self) -> dict[str, float]:
        """Name -> coefficient of the terms of the equation itself."""
        return {"u": 1 - self.r, "u_xx": 2.0, "u_xxxx": 1.0, "u^2": -self.b, "u^3": self.c}

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, points) small random numbers, of spread .1."""
        count = check_members("SwiftHohenberg.initial", members)
        return 0.1 * np.random.default_rng(seed).normal(size=(count, self.grid.points))
