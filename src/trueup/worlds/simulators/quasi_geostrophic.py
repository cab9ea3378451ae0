"""Two layers of quasi-geostrophic flow in a channel: a jet that grows weather.

>>> system = QuasiGeostrophic(channel=Channel(nx=24, ny=48))
>>> states = system.run(system.initial(members=2), 0.025, steps=4, every=2)
>>> states.shape, system.streamfunction(states).shape
((3, 2, 2, 48, 24), (3, 2, 2, 48, 24))
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


MOUNTAINS = ((0.0, 0.0), (-10.0, -5.0), (0.0, 20.0), (0.0, -20.0))
"""(x, y) of the four tops."""


@dataclass(frozen=True)
class Channel(Plane):
    """The plane of the channel, the width of its jet, and the mountains under it.

    Parameters
    ----------
    nx, ny, length_x, length_y
        Points and periods; a sponge where y wraps around makes it a channel.
    sigma
        Half width of the jet and of the sponge, above 0.
    mountains
        Heights of four mountains, as potential vorticity of layer 2; they fall off as
        ``exp(-(x - x0)^2 / 50 - (y - y0)^2 / 20)`` from their tops in ``MOUNTAINS``.
    """

    nx: int = 96
    ny: int = 192
    length_x: float = 46.0
    length_y: float = 68.0
    sigma: float = 3.5
    mountains: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        heights = tuple(map(float, self.mountains))
        object.__setattr__(self, "mountains", heights)
        if len(heights) != len(MOUNTAINS) or not np.isfinite(heights).all() or self.sigma <= 0:
            raise UsageError(
                "Channel",
                f"needs four heights and a 'sigma' above 0; got {self.mountains}, {self.sigma}",
                do="Pass mountains=(20, 20, 20, 20), sigma=3.5",
            )

    @property
    def _wall(self) -> np.ndarray:
        """(ny,) ``sech^2`` of the distance from where y wraps around."""
        steps = np.arange(self.ny)
        away = np.minimum(steps, self.ny - 1 - steps) * (self.length_y / self.ny)
        return 1 / np.cosh(away / self.sigma) ** 2

    @property
    def sponge(self) -> np.ndarray:
        """(ny,) rate at which waves are damped near the walls."""
        return self._wall

    @property
    def psi_R(self) -> np.ndarray:
        """(ny,) stream function of the jet of rest, ``u = sech^2(y / sigma)`` less the walls'."""
        jet = np.fft.fft(1 / np.cosh(self.y / self.sigma) ** 2 - self._wall)[:, None]
        slope = self.d_dy
        modes = np.divide(-jet, slope, out=np.zeros_like(jet), where=slope != 0)
        return np.fft.ifft(modes[:, 0]).real

    @property
    def topography(self) -> np.ndarray:
        """(ny, nx) potential vorticity that the mountains add to layer 2."""
        made = np.zeros(self.shape)
        for (x0, y0), height in zip(MOUNTAINS, self.mountains, strict=True):
            fall = (self.x - x0) ** 2 / 50 + (self.y[:, None] - y0) ** 2 / 20
            made += height * np.exp(-fall)
        return made


CHANNEL = Channel()


@dataclass(frozen=True)
class QuasiGeostrophic(AbstractSystem):
    """Two layers k = 1, 2 of ``q_k`` in a channel, driven towards a jet::

        q_1 = lap psi_1 - (psi_1 - psi_2)        q_2 = lap psi_2 + (psi_1 - psi_2)
        q_k' = -jacobian J(psi_k, q_k + R_k) - beta d psi_k/dx
               +- tau_d (psi_1 - psi_2 - psi_R channel.psi_R)     (+ for layer 1, - for 2)
               - tau_f lap psi_2                                  (layer 2 only)
               - sponge(y) (q_k + R_k less its zonal mean)
               - nu (d^8/dx^8 + d^8/dy^8) (q_k + R_k + beta y)

    ``R_2`` is the topography, ``R_1 = 0``. A state is (..., 2, ny, nx) ``q_k``, without the parts
    ``beta y`` and ``R_k`` that stay: so it means the same to a model whose ``beta`` or mountains
    are wrong. ``streamfunction`` and ``from_streamfunction`` go to and from ``psi_k``.

    Parameters
    ----------
    beta, tau_d, tau_f, nu
        Change of the Coriolis parameter, rates of relaxation and friction, hyperviscosity.
    jacobian, psi_R
        Factors of the advection and of the jet of rest; 1 where physics is complete.
    channel
        Its grid, jet and mountains.
    integrator
        Leapfrog with filter .04 in the papers; two levels, see ``step``.

    Notes
    -----
    A product is made on 3/2 the points. From rest 10,000 steps bring it to the attractor. Source:
    Lutsko and Held 2016, J. Atmos. Sci. 73; the set-up of Mojgani et al. 2024, JAMES 16,
    e2023MS004033, with the narrower fall-off of mountains along y that its public code has.
    """

    DT: ClassVar[float] = 0.025
    SPIN_UP: ClassVar[float] = 250.0

    beta: float = 0.196
    tau_d: float = 0.01
    tau_f: float = 0.07
    nu: float = 1e-6
    jacobian: float = 1.0
    psi_R: float = 1.0
    channel: Channel = CHANNEL
    integrator: str | Integrator = "leapfrog"

    def __post_init__(self) -> None:
        names = ("beta", "tau_d", "tau_f", "nu", "jacobian", "psi_R")
        check_coefficients(self, **{name: getattr(self, name) for name in names})
        integrator(self.integrator)
        if not isinstance(self.channel, Channel):
            raise UsageError(
                "QuasiGeostrophic", f"'channel' must be a Channel; got {self.channel!r}",
                do="Pass Channel(nx=96, ny=192)",
            )  # fmt: skip

    @property
    def shape(self) -> tuple[int, ...]:
        """(2, ny, nx)."""
        return 2, *self.channel.shape

    @property
    def x(self) -> np.ndarray:
        """(nx,) coordinates along the channel."""
        return self.channel.x

    @property
    def y(self) -> np.ndarray:
        """(ny,) coordinates across the channel."""
        return self.channel.y

    def streamfunction(self, state: Any) -> Any:
        """(..., 2, ny, nx) ``psi_k`` of a state."""
        state = self._state("streamfunction", state)
        arrays = arrays_of(state)
        psi = _invert(self.modes(state, arrays), _plan(self, arrays))
        return self.values(arrays.stack(psi, axis=-3), arrays)

    def from_streamfunction(self, psi: Any) -> Any:
        """The state (..., 2, ny, nx) of stream functions ``psi_k``."""
        psi = self._state("from_streamfunction", psi)
        arrays = arrays_of(psi)
        modes = self.modes(psi, arrays)
        upper, lower = modes[..., 0, :, :], modes[..., 1, :, :]
        laplacian, shear = _plan(self, arrays)["laplacian"], upper - lower
        made = (laplacian * upper - shear, laplacian * lower + shear)
        return self.values(arrays.stack(made, axis=-3), arrays)

    def modes(self, state: Any, arrays: Arrays) -> Any:
        return arrays.rfft2(state)

    def values(self, modes: Any, arrays: Arrays) -> Any:
        return arrays.irfft2(modes, self.channel.shape)

    def linear(self) -> np.ndarray:
        """(ny, nx / 2 + 1) hyperviscosity of each mode."""
        return -self.nu * (self.channel.kx**8 + self.channel.ky**8)

    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        plan = _plan(self, arrays)
        psi = arrays.stack(_invert(modes, plan), axis=-3)
        q = modes + plan["R"]
        made = plan["-beta d/dx"] * psi
        if self.jacobian:
            made -= self.jacobian * self.channel.jacobian(psi, q, arrays)
        q[..., 0] = 0  # the zonal mean
        waves = self.values(q, arrays)
        waves *= plan["sponge"]
        made -= arrays.rfft2(waves)
        relax = self.tau_d * (psi[..., 0, :, :] - psi[..., 1, :, :]) - plan["tau_d psi_R"]
        made[..., 0, :, :] += relax
        made[..., 1, :, :] -= relax
        made[..., 1, :, :] -= plan["tau_f laplacian"] * psi[..., 1, :, :]
        made += plan["constant"]
        return made

    def initial(self, members: int = 1, *, seed: int = 0) -> np.ndarray:
        """(members, 2, ny, nx) states of half the jet of rest in layer 1, and small waves."""
        count = check_members("QuasiGeostrophic.initial", members)
        rng = np.random.default_rng(seed)
        waves = np.fft.rfft2(rng.normal(size=(count, *self.shape)))
        waves *= np.exp(self.channel.laplacian / 2)
        psi = 0.1 * np.fft.irfft2(waves, self.channel.shape)
        psi[:, 0] += 0.5 * self.channel.psi_R[:, None]
        return self.from_streamfunction(psi)

    def _resize(self) -> str:
        return "channel=Channel(nx=..., ny=...)"


def _invert(modes: Any, plan: dict) -> tuple[Any, Any]:
    """Modes of ``psi_1, psi_2`` from those of ``q_1, q_2``; the mean of their sum is set to 0."""
    upper, lower = modes[..., 0, :, :], modes[..., 1, :, :]
    both = plan["barotropic"] * (upper + lower)
    shear = plan["baroclinic"] * (upper - lower)
    return both + shear, both - shear


@lru_cache(maxsize=16)
def _plan(system: QuasiGeostrophic, arrays: Arrays) -> dict[str, Any]:
    """Arrays that ``nonlinear`` needs, by name."""
    channel = system.channel
    topography = np.stack((np.zeros(channel.shape), channel.topography))
    planetary = np.broadcast_to(system.beta * channel.y[:, None], channel.shape)
    jet = np.broadcast_to(channel.psi_R[:, None], channel.shape)
    made = {
        "laplacian": channel.laplacian,
        "barotropic": 0.5 * channel.inverse_laplacian,
        "baroclinic": 0.5 / (channel.laplacian - 2),
        "-beta d/dx": -system.beta * channel.d_dx,
        "R": np.fft.rfft2(topography),
        "sponge": channel.sponge[:, None],
        "tau_d psi_R": system.tau_d * system.psi_R * np.fft.rfft2(jet),
        "tau_f laplacian": system.tau_f * channel.laplacian,
        "constant": system.linear() * np.fft.rfft2(topography + planetary),
    }
    return {name: arrays.constant(values) for name, values in made.items()}
