"""Three bodies that attract each other, in a plane.

>>> system = ThreeBody()
>>> states = system.run(system.initial(), system.DT, steps=100, every=100)
>>> bool(abs(system.energy(states[1]) - system.energy(states[0])) < 1e-6)
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trueup.core.errors import UsageError
from trueup.worlds.simulators.arrays import Arrays, arrays_of
from trueup.worlds.simulators.integrators import Integrator, integrator
from trueup.worlds.simulators.system import AbstractSystem, check_coefficients, check_members


FIGURE_EIGHT = (
    ((0.97000436, -0.24308753), (-0.97000436, 0.24308753), (0.0, 0.0)),
    ((0.466203685, 0.43236573), (0.466203685, 0.43236573), (-0.93240737, -0.86473146)),
)
"""Positions and velocities of three equal masses that follow each other around an eight."""
PERIOD = 6.32591398
"""Time after which they are where they were."""


@dataclass(frozen=True)
class ThreeBody(AbstractSystem):
    """``x_i'' = gravity sum_j m_j (x_j - x_i) / (|x_j - x_i|^2 + softening^2)^(3/2)``.

    Parameters
    ----------
    masses
        Three masses, above 0.
    gravity, softening
        Coefficients of the equation; with a softening of 0 close encounters need tiny steps.
    integrator
        ``"yoshida4"`` keeps the energy over long runs; ``"rk4"`` is as exact over short ones.

    Notes
    -----
    A state is (..., 2, 3, 2): positions, then velocities, of three bodies in a plane. Source of the
    eight: Chenciner and Montgomery 2000, Ann. Math. 152, section 1.
    """

    DT: ClassVar[float] = 0.01
    SPIN_UP: ClassVar[float] = 0.0

    masses: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gravity: float = 1.0
    softening: float = 0.0
    integrator: str | Integrator = "yoshida4"

    def __post_init__(self) -> None:
        check_coefficients(self, gravity=self.gravity, softening=self.softening)
        integrator(self.integrator)
        masses = tuple(map(float, self.masses))
        object.__setattr__(self, "masses", masses)
        if len(masses) != 3 or not all(0 < mass < np.inf for mass in masses):
            raise UsageError(
                "ThreeBody", f"needs three finite 'masses' above 0; got {self.masses}",
                do="Pass masses=(1, 1, 1)",
            )  # fmt: skip

    @property
    def shape(self) -> tuple[int, ...]:
        """(2, 3, 2)."""
        return 2, 3, 2

    def acceleration(self, positions: Any, arrays: Arrays) -> Any:
        """(..., 3, 2) acceleration of each body at ``positions`` (..., 3, 2)."""
        away, distance = self._pairs(positions, arrays)
        pull = arrays.constant(self.gravity * np.array(self.masses)) / distance**3
        return (pull[..., None] * away).sum(-2)

    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        moved = self.acceleration(modes[..., 0, :, :], arrays)
        return arrays.stack((modes[..., 1, :, :], moved), axis=-3)

    def energy(self, state: Any) -> Any:
        """(...) kinetic plus potential energy."""
        state = self._state("energy", state)
        arrays = arrays_of(state)
        masses = arrays.constant(self.masses)
        _, distance = self._pairs(state[..., 0, :, :], arrays)
        pairs = arrays.constant(np.outer(self.masses, self.masses) * (1 - np.eye(3)))
        moving = 0.5 * (masses * (state[..., 1, :, :] ** 2).sum(-1)).sum(-1)
        return moving - 0.5 * self.gravity * (pairs / distance).sum(-1).sum(-1)

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, 2, 3, 2) states of the eight; members after the first are off by about .01."""
        count = check_members("ThreeBody.initial", members)
        off = 0.01 * np.random.default_rng(seed).normal(size=(count, 2, 3, 2))
        off[0] = 0
        return np.array(FIGURE_EIGHT) + off

    def _pairs(self, positions: Any, arrays: Arrays) -> tuple[Any, Any]:
        """(..., i, j, 2) from i to j, and (..., i, j) softened distances; 1 of a body to itself."""
        away = positions[..., None, :, :] - positions[..., :, None, :]
        squares = (away**2).sum(-1) + arrays.constant(self.softening**2 + np.eye(3))
        return away, squares**0.5
