"""Burgers' equation: waves that steepen and are smoothed.

>>> system = Burgers(grid=Line(64, 6.283185307179586))
>>> system.run(system.initial(), 0.01, steps=100, every=50).shape
(3, 1, 64)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.worlds.simulators.integrators import Integrator
from trueup.worlds.simulators.line import AbstractLine, Line
from trueup.worlds.simulators.system import check_members


LINE = Line(points=256, length=2 * np.pi)


@dataclass(frozen=True)
class Burgers(AbstractLine):
    """``u_t + u_ux u u_x - nu u_xx + extra = 0`` on a periodic line.

    Nothing drives it: waves decay, the mean stays, and ``spun_up`` is ``initial``. Fronts are about
    ``nu`` thick; the grid must show them.

    Parameters
    ----------
    u_ux, nu
        Coefficients of advection and viscosity.
    extra
        Further terms on the side of ``u_t``, name -> coefficient, like ``{"u_xxx": 0.01}``.
    grid
        The line.
    integrator
        Name of an integrator, or one.

    Notes
    -----
    Source: Burgers 1948, Adv. Appl. Mech. 1; solved in closed form by Hopf 1950 and Cole 1951.
    """

    DT: ClassVar[float] = 0.01
    SPIN_UP: ClassVar[float] = 0.0

    u_ux: float = 1.0
    nu: float = 0.05
    extra: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
    grid: Line = LINE
    integrator: str | Integrator = "etdrk4"

    def terms(self) -> dict[str, float]:
        """Name -> coefficient of the terms of the equation itself."""
        return {"u u_x": self.u_ux, "u_xx": -self.nu}

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, points) waves; the first is ``-sin(2 pi x / length)``, others are random."""
        count = check_members("Burgers.initial", members)
        rng = np.random.default_rng(seed)
        s = 2 * np.pi * self.x / self.grid.length
        wave = np.arange(1, 4)[:, None]
        size = rng.normal(size=(count, 3, 1)) / wave
        phase = 2 * np.pi * rng.random((count, 3, 1))
        made = (size * np.sin(wave * s + phase)).sum(axis=1)
        made[0] = -np.sin(s)
        return made
