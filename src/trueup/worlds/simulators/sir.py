"""An epidemic of three groups: susceptible, infected, recovered.

>>> system = SIR()
>>> float(system.run(system.initial(), 0.5, steps=800, every=800)[-1, 0, 0].round(3))  # spared
0.059
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trueup.worlds.simulators.arrays import Arrays
from trueup.worlds.simulators.integrators import Integrator, integrator
from trueup.worlds.simulators.system import AbstractSystem, check_coefficients, check_members


@dataclass(frozen=True)
class SIR(AbstractSystem):
    """``S' = mu (1 - S) - beta S I, I' = beta S I - (gamma + mu) I, R' = gamma I - mu R``.

    Shares of a population: they add to 1 and go on doing so. Without ``mu`` the share ``s`` that is
    spared solves ``log(s / S_0) = -beta / gamma (1 - R_0 - s)``.

    Parameters
    ----------
    beta, gamma, mu
        Rates of contact, of recovery, and of births and deaths, a day.
    integrator
        Name of an integrator, or one.

    Notes
    -----
    Source: Kermack and McKendrick 1927, Proc. R. Soc. A 115. A state is (..., 3).
    """

    DT: ClassVar[float] = 0.5
    SPIN_UP: ClassVar[float] = 0.0

    beta: float = 0.3
    gamma: float = 0.1
    mu: float = 0.0
    integrator: str | Integrator = "rk4"

    def __post_init__(self) -> None:
        check_coefficients(self, beta=self.beta, gamma=self.gamma, mu=self.mu)
        integrator(self.integrator)

    @property
    def shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)

    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        s, i, r = modes[..., 0], modes[..., 1], modes[..., 2]
        caught, well = self.beta * s * i, self.gamma * i
        return arrays.stack((
            self.mu * (1 - s) - caught,
            caught - well - self.mu * i,
            well - self.mu * r,
        ))  # fmt: skip

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, 3) with 1 in 1,000 infected; other members with .1 to 1 %."""
        count = check_members("SIR.initial", members)
        infected = 10 ** np.random.default_rng(seed).uniform(-3, -2, count)
        infected[0] = 1e-3
        return np.stack((1 - infected, infected, np.zeros(count)), axis=1)
