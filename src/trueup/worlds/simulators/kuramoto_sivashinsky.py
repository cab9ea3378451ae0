"""The Kuramoto-Sivashinsky equation: chaos on a line, at the price of one transform.

>>> system = KuramotoSivashinsky(grid=Line(points=128))
>>> states = system.run(system.initial(members=3), 0.05, steps=20, every=10)
>>> states.shape
(3, 3, 128)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.worlds.simulators.integrators import Integrator
from trueup.worlds.simulators.line import AbstractLine, Line
from trueup.worlds.simulators.system import check_members


LINE = Line(points=1024, length=100.0)


@dataclass(frozen=True)
class KuramotoSivashinsky(AbstractLine):
    """``u_t + u_ux u u_x + u_xx u_xx + u_xxxx u_xxxx + extra = 0`` on a periodic line.

    A model with wrong physics is the same class with other coefficients, or with terms that do not
    belong there in ``extra``. The first term is made as ``u_ux d/dx u^2 / 2``, so the mean of ``u``
    stays. On a length of 100 its standard deviation is 1.32. For length 22 and shorter it may
    settle; without ``u_xxxx``, or with negative values, it has no bound.

    Parameters
    ----------
    u_ux, u_xx, u_xxxx
        Coefficients of the terms of these names, all on the side of ``u_t``.
    extra
        Further terms on the same side, name -> coefficient, like
        ``{"u_xxx": 0.5, "u^2 u_x": 0.225}``.
    grid
        The line.
    integrator
        ``"etdrk4"``, ``"cnab2"`` (two levels, see ``step``), or another name or ``Integrator``.

    Examples
    --------
    >>> KuramotoSivashinsky(u_ux=0.5, extra={"u_xxx": 0.1}, integrator="cnab2").terms()
    {'u u_x': 0.5, 'u_xx': 1.0, 'u_xxxx': 1.0}

    Notes
    -----
    Source: Kuramoto 1978, Prog. Theor. Phys. Suppl. 64; Sivashinsky 1977, Acta Astronautica 4; the
    set-up of Mojgani et al. 2022, Chaos 32, 061105: length 100, 1024 points, ETDRK4 with step .001
    as the truth, one step of CNAB2 of .005 as the model, from two observed states.
    """

    DT: ClassVar[float] = 0.05
    SPIN_UP: ClassVar[float] = 100.0

    u_ux: float = 1.0
    u_xx: float = 1.0
    u_xxxx: float = 1.0
    extra: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
    grid: Line = LINE
    integrator: str | Integrator = "etdrk4"

    def terms(self) -> dict[str, float]:
        """Name -> coefficient of the terms of the equation itself."""
        return {"u u_x": self.u_ux, "u_xx": self.u_xx, "u_xxxx": self.u_xxxx}

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, points) waves to start from; ``spun_up`` gives states on the attractor.

        The first member is ``-cos(s) (1 - sin(s))`` with ``s = 2 pi x / length``; others have a
        random phase added to each ``s``. Their mean, which stays, is 0.
        """
        count = check_members("KuramotoSivashinsky.initial", members)
        phase = 2 * np.pi * np.random.default_rng(seed).random((count, 2, 1))
        phase[0] = 0
        s = 2 * np.pi * self.x / self.grid.length
        waves = -np.cos(s + phase[:, 0]) * (1 - np.sin(s + phase[:, 1]))
        return waves - waves.mean(axis=1, keepdims=True)
