"""Turbulence in a plane: vorticity that is stirred, dragged and smoothed.

>>> system = NavierStokes(plane=Plane(32, 32))
>>> states = system.run(system.initial(members=2), 0.02, steps=4, every=2)
>>> states.shape, system.energy(states).shape
((3, 2, 32, 32), (3, 2))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from trueup.core.errors import UsageError
from trueup.worlds.simulators.arrays import Arrays, arrays_of
from trueup.worlds.simulators.integrators import Integrator, integrator
from trueup.worlds.simulators.plane import Plane
from trueup.worlds.simulators.system import AbstractSystem, check_coefficients, check_members


PLANE = Plane(nx=64, ny=64)
WAVE = 4
"""Waves of the forcing across the plane."""


@dataclass(frozen=True)
class NavierStokes(AbstractSystem):
    """``w_t + advection J(psi, w) = nu lap w - drag w + forcing cos(4 y 2 pi / length_y)``.

    ``lap psi = w``, so the flow is ``(-psi_y, psi_x)``. A state is (..., ny, nx) vorticity ``w``.
    The flow at rest is ``forcing cos(4 y ...) / (nu k^2 + drag)``; it is unstable when fast.

    Parameters
    ----------
    nu, drag, forcing, advection
        Coefficients of the equation.
    plane
        The grid. It must show what viscosity leaves: with the usual forcing 64 points need
        ``nu`` of about .002, twice the points a quarter of it.
    integrator
        Name of an integrator, or one.

    Notes
    -----
    A product is made on 3/2 the points. Source: the forcing of Kolmogorov, with linear drag as in
    Boffetta and Ecke 2012, Annu. Rev. Fluid Mech. 44.
    """

    DT: ClassVar[float] = 0.02
    SPIN_UP: ClassVar[float] = 40.0

    nu: float = 2e-3
    drag: float = 0.1
    forcing: float = 4.0
    advection: float = 1.0
    plane: Plane = PLANE
    integrator: str | Integrator = "etdrk4"

    def __post_init__(self) -> None:
        names = ("nu", "drag", "forcing", "advection")
        check_coefficients(self, **{name: getattr(self, name) for name in names})
        integrator(self.integrator)
        if not isinstance(self.plane, Plane):
            raise UsageError(
                "NavierStokes", f"'plane' must be a Plane; got {self.plane!r}",
                do="Pass Plane(nx=64, ny=64)",
            )  # fmt: skip

    @property
    def shape(self) -> tuple[int, ...]:
        """(ny, nx)."""
        return self.plane.shape

    @property
    def x(self) -> np.ndarray:
        """(nx,) coordinates."""
        return self.plane.x

    @property
    def y(self) -> np.ndarray:
        """(ny,) coordinates."""
        return self.plane.y

    def modes(self, state: Any, arrays: Arrays) -> Any:
        return arrays.rfft2(state)

    def values(self, modes: Any, arrays: Arrays) -> Any:
        return arrays.irfft2(modes, self.plane.shape)

    def linear(self) -> np.ndarray:
        """(ny, nx / 2 + 1) decay of each mode."""
        return self.nu * self.plane.laplacian - self.drag

    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        inverse, forcing = _plan(self, arrays)
        made = self.plane.jacobian(inverse * modes, modes, arrays)
        made *= -self.advection
        made += forcing
        return made

    def streamfunction(self, state: Any) -> Any:
        """(..., ny, nx) ``psi`` of a state, of mean 0."""
        state = self._state("streamfunction", state)
        arrays = arrays_of(state)
        return self.values(_plan(self, arrays)[0] * self.modes(state, arrays), arrays)

    def energy(self, state: Any) -> Any:
        """(...) mean kinetic energy, ``-mean(psi w) / 2``."""
        return -0.5 * (self.streamfunction(state) * self._state("energy", state)).mean((-2, -1))

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, ny, nx) random vorticity of long waves, of spread 2."""
        count = check_members("NavierStokes.initial", members)
        waves = np.fft.rfft2(np.random.default_rng(seed).normal(size=(count, *self.shape)))
        lowest = 2 * np.pi / max(self.plane.length_x, self.plane.length_y)
        waves *= np.exp(self.plane.laplacian / (4 * lowest) ** 2)
        waves[:, 0, 0] = 0
        made = np.fft.irfft2(waves, self.shape)
        return 2 * made / made.std(axis=(1, 2), keepdims=True)

    def _resize(self) -> str:
        return "plane=Plane(nx=..., ny=...)"


@lru_cache(maxsize=32)
def _plan(system: NavierStokes, arrays: Arrays) -> tuple:
    """The inverse Laplacian, and the forcing in modes."""
    plane = system.plane
    waves = np.cos(2 * np.pi * WAVE * plane.y[:, None] / plane.length_y) * np.ones(plane.nx)
    forcing = system.forcing * np.fft.rfft2(waves)
    return arrays.constant(plane.inverse_laplacian), arrays.constant(forcing)
