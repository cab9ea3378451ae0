"""A doubly periodic plane: coordinates, wavenumbers, derivatives and products without aliasing.

>>> Plane(8, 4, 16.0, 4.0).x
array([-8., -6., -4., -2.,  0.,  2.,  4.,  6.])
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from trueup.core.errors import UsageError
from trueup.worlds.simulators.arrays import Arrays
from trueup.worlds.simulators.system import check_coefficients


@dataclass(frozen=True)
class Plane:
    """A periodic plane of ``ny`` times ``nx`` points, centred on 0.

    Parameters
    ----------
    nx, ny
        Points along x and y, multiples of 4, at least 4.
    length_x, length_y
        Lengths of the periods, above 0.
    """

    nx: int = 128
    ny: int = 128
    length_x: float = 2 * np.pi
    length_y: float = 2 * np.pi

    def __post_init__(self) -> None:
        for name in ("nx", "ny"):
            size = getattr(self, name)
            if not isinstance(size, int | np.integer) or size < 4 or size % 4:
                raise UsageError(
                    type(self).__name__, f"{name!r} must be a multiple of 4; got {size!r}",
                    do="Pass 64, 96 or 128",
                )  # fmt: skip
        check_coefficients(self, length_x=self.length_x, length_y=self.length_y)
        if min(self.length_x, self.length_y) <= 0:
            raise UsageError(
                type(self).__name__,
                f"lengths must be above 0; got {self.length_x} and {self.length_y}",
                do="Pass the lengths of the periods",
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.ny, self.nx

    @property
    def x(self) -> np.ndarray:
        """(nx,) coordinates from -length_x / 2 on."""
        return (np.arange(self.nx) - self.nx // 2) * (self.length_x / self.nx)

    @property
    def y(self) -> np.ndarray:
        """(ny,) coordinates from -length_y / 2 on."""
        return (np.arange(self.ny) - self.ny // 2) * (self.length_y / self.ny)

    @property
    def kx(self) -> np.ndarray:
        """(nx / 2 + 1,) wavenumbers along x."""
        return 2 * np.pi * np.fft.rfftfreq(self.nx, self.length_x / self.nx)

    @property
    def ky(self) -> np.ndarray:
        """(ny, 1) wavenumbers along y."""
        return 2 * np.pi * np.fft.fftfreq(self.ny, self.length_y / self.ny)[:, None]

    @property
    def laplacian(self) -> np.ndarray:
        """(ny, nx / 2 + 1) ``-(kx^2 + ky^2)``."""
        return -(self.kx**2 + self.ky**2)

    @property
    def inverse_laplacian(self) -> np.ndarray:
        """(ny, nx / 2 + 1) one over it; 0 for the mean."""
        symbol = self.laplacian
        symbol[0, 0] = np.inf
        return 1 / symbol

    @property
    def d_dx(self) -> np.ndarray:
        """(nx / 2 + 1,) ``i kx``; 0 for the shortest wave, whose slope the grid does not see."""
        made = 1j * self.kx
        made[-1] = 0
        return made

    @property
    def d_dy(self) -> np.ndarray:
        """(ny, 1) ``i ky``; 0 for the shortest wave."""
        made = 1j * self.ky
        made[self.ny // 2] = 0
        return made

    def jacobian(self, psi: Any, q: Any, arrays: Arrays) -> Any:
        """``J(psi, q) = psi_x q_y - psi_y q_x`` of modes, in modes.

        Made as ``(v q)_y + (u q)_x`` with ``u = -psi_y, v = psi_x`` on a grid of 3/2 the points,
        so that no product is aliased: means, energy and enstrophy are kept to rounding.
        """
        d_dx, d_dy = _symbols(self, arrays)
        q_fine, u, v = (self._finer(part, arrays) for part in (q, d_dy * psi, d_dx * psi))
        u *= q_fine
        v *= q_fine
        made = d_dy * self._coarser(v, arrays)
        made -= d_dx * self._coarser(u, arrays)
        made *= 9 / 4
        return made

    def _finer(self, modes: Any, arrays: Arrays) -> Any:
        """Values on 3/2 the points, over 9/4; the shortest waves are left out."""
        rows, columns = self.ny // 2, self.nx // 2
        tall = arrays.zeros((*modes.shape[:-2], 3 * rows, columns), complex_=True)
        tall[..., :rows, :] = modes[..., :rows, :columns]
        tall[..., 1 - rows :, :] = modes[..., 1 - rows :, :columns]
        return arrays.irfft(arrays.ifft_y(tall), 3 * columns)

    def _coarser(self, values: Any, arrays: Arrays) -> Any:
        """Modes of values on 3/2 the points; 0 for the shortest waves."""
        rows, columns = self.ny // 2, self.nx // 2
        tall = arrays.fft_y(arrays.rfft(values)[..., :columns])
        made = arrays.zeros((*tall.shape[:-2], self.ny, columns + 1), complex_=True)
        made[..., :rows, :columns] = tall[..., :rows, :]
        made[..., 1 - rows :, :columns] = tall[..., 1 - rows :, :]
        return made


@lru_cache(maxsize=32)
def _symbols(plane: Plane, arrays: Arrays) -> tuple:
    return arrays.constant(plane.d_dx), arrays.constant(plane.d_dy)
