"""Meshes and derivatives on them: spectral where the mesh is periodic, differences elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy.fft
from scipy import sparse

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.windows import EVEN, field_of


@dataclass(frozen=True)
class Mesh:
    """An even grid of one or two dimensions.

    Parameters
    ----------
    spacing
        Distance between points of each dimension, > 0, in the order of the axes of a state.
    dims
        Their names, as they stand in the terms.
    periodic
        Whether the ends of each dimension meet.
    method
        ``"spectral"``: exact for periodic fields that the mesh resolves; a dimension that is not
        periodic takes differences. ``"difference"``: central differences of order ``accuracy``,
        one-sided at ends that do not meet. ``"weak"``: the same differences of powers, and all is
        looked at through smooth functions of compact support, onto which summation by parts moves
        the derivatives: for noise on meshes that are not periodic.
    accuracy
        Order of the differences: 2, 4, 6 ...
    points
        Points of each dimension, checked against the states where they are given.
    edge
        Points that are left out at every end of a mesh that is not periodic everywhere. With
        ``"weak"`` half the width of a test function, in points; 0 takes a twelfth of the mesh.

    Examples
    --------
    >>> x = np.arange(32) * 2 * np.pi / 32
    >>> float(abs(Mesh((x[1],)).derivative(np.sin(x), (1,)) - np.cos(x)).max()) < 1e-13
    True
    """

    spacing: tuple[float, ...]
    dims: tuple[str, ...] = ("x", "y")
    periodic: tuple[bool, ...] = (True, True)
    method: str = "spectral"
    accuracy: int = 4
    points: tuple[int, ...] = ()
    edge: int = 0

    def __post_init__(self) -> None:
        n = len(self.spacing)
        if not all(np.isfinite(d) and d > 0 for d in self.spacing) or n not in (1, 2):
            raise UsageError(
                "Mesh",
                f"spacing is {self.spacing}",
                do="Pass one or two distances above 0, such as (100 / 1024,)",
            )
        if self.method not in ("spectral", "difference", "weak") or self.accuracy < 2:
            raise UsageError(
                "Mesh",
                f"method is '{self.method}', accuracy {self.accuracy}",
                do="Use 'spectral', 'difference' or 'weak', and an even accuracy of 2 or more",
            )
        object.__setattr__(self, "dims", tuple(self.dims)[:n])
        object.__setattr__(self, "periodic", tuple(self.periodic)[:n])
        if len(self.dims) < n or len(self.periodic) < n:
            raise UsageError(
                "Mesh",
                f"{n} spacings, dims {self.dims}, periodic {self.periodic}",
                do="Pass one name and one truth value a dimension",
            )

    @classmethod
    def of(
        cls,
        field: Any,
        *,
        periodic: bool | tuple[bool, ...] = True,
        method: str = "spectral",
        accuracy: int = 4,
        edge: int = 0,
    ) -> Mesh:
        """The mesh of an xarray ``DataArray`` or ``Dataset``, read from its coordinates.

        All dimensions but ``time`` and ``component`` are of the mesh, in their order; states with
        another number of points are refused later.

        Parameters
        ----------
        field
            The xarray.
        periodic
            Whether the ends meet: of all dimensions, or of each.
        method, accuracy, edge
            As of ``Mesh``.

        Raises
        ------
        EvidenceError
            A dimension has no coordinates, or they are not even and rising.
        """
        field = field_of("Mesh.of", field)
        dims = tuple(str(dim) for dim in field.dims if dim not in ("time", "component"))
        spacing = tuple(_even(field, dim) for dim in dims)
        points = tuple(int(field.sizes[dim]) for dim in dims)
        ends = periodic if isinstance(periodic, tuple) else (periodic,) * len(dims)
        return cls(spacing, dims, ends, method, accuracy, points, edge)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.spacing)

    @property
    def spectral(self) -> bool:
        """Whether fields are taken apart into Fourier modes."""
        return all(self.periodic) and self.method != "weak"

    def derivative(self, field: np.ndarray, orders: tuple[int, ...]) -> np.ndarray:
        """The derivative of ``field`` (..., *mesh), ``orders`` times along each dimension."""
        for place, order in enumerate(orders):
            axis = place - self.ndim
            if order and self.method == "spectral" and self.periodic[place]:
                field = _spectral(field, order, axis, self.spacing[place])
            elif order:
                size = (field.shape[axis], order, self.accuracy, self.periodic[place])
                field = _along(_differences(*size), field, axis) / self.spacing[place] ** order
        return field

    def wavenumbers(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """Angular wavenumbers of the real transform over a grid of ``shape``, to broadcast."""
        found = []
        for place, n in enumerate(shape):
            last = place == len(shape) - 1
            freq = (scipy.fft.rfftfreq if last else scipy.fft.fftfreq)(n, self.spacing[place])
            others = [1] * len(shape)
            others[place] = len(freq)
            found.append((2 * np.pi * freq).reshape(others))
        return found

    def forward(self, field: np.ndarray) -> np.ndarray:
        """Fourier coefficients of a real ``field`` (..., *mesh)."""
        return scipy.fft.rfftn(field, axes=tuple(range(-self.ndim, 0)))

    def backward(self, modes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The real field (..., *shape) of Fourier coefficients."""
        return scipy.fft.irfftn(modes, s=shape, axes=tuple(range(-self.ndim, 0)))

    def low_pass(self, field: np.ndarray, cutoff: float) -> np.ndarray:
        """``field`` without waves shorter than 2 pi / ``cutoff``."""
        shape = field.shape[-self.ndim :]
        return self.backward(self.forward(field) * (self.lengths(shape) <= cutoff), shape)

    def lengths(self, shape: tuple[int, ...]) -> np.ndarray:
        """Length of the wave vector of every mode of ``forward``."""
        return np.sqrt(sum(k**2 for k in self.wavenumbers(shape)))  # type: ignore[arg-type]


def _even(field: Any, dim: str) -> float:
    """The distance between the coordinates of a dimension of an xarray."""
    if dim not in field.coords or field.sizes[dim] < 2:
        raise EvidenceError(
            "Mesh.of",
            f"dimension '{dim}' of {field.sizes[dim]} points has no coordinates to measure",
            do=f"Give it some: field.assign_coords({dim}=...), or drop it with field.isel({dim}=0)",
        )
    at = np.asarray(field[dim].values, dtype=np.float64)
    gaps = np.diff(at)
    usual = float(np.median(gaps))
    # Coordinates are often kept in 32 bits: their own rounding is no unevenness.
    rounding = 1e-6 * float(np.abs(at).max())
    off = np.abs(gaps - usual) > EVEN * abs(usual) + rounding
    if off.any() or usual <= 0:
        first = int(off.argmax())
        raise EvidenceError(
            "Mesh.of",
            f"coordinates of '{dim}' are not even and rising: {usual:.6g} between most points, "
            f"{gaps[first]:.6g} after point {first}",
            why="derivatives are made on even meshes",
            do=f"Interpolate to an even mesh, or turn it round: field.sortby('{dim}')",
        )
    return float((at[-1] - at[0]) / (len(at) - 1))


def _spectral(field: np.ndarray, order: int, axis: int, spacing: float) -> np.ndarray:
    n = field.shape[axis]
    symbol = (2j * np.pi * scipy.fft.rfftfreq(n, spacing)) ** order
    if n % 2 == 0 and order % 2:
        symbol[-1] = 0  # an odd derivative of the fastest wave is not on the mesh
    modes = scipy.fft.rfft(field, axis=axis)
    modes *= symbol.reshape(-1, *[1] * (-axis - 1))
    return scipy.fft.irfft(modes, n=n, axis=axis)


def _along(matrix: sparse.csr_array, field: np.ndarray, axis: int) -> np.ndarray:
    moved = np.moveaxis(field, axis, 0)
    found = matrix @ moved.reshape(len(moved), -1)
    return np.moveaxis(found.reshape(moved.shape), 0, axis)


@cache
def _differences(n: int, order: int, accuracy: int, periodic: bool) -> sparse.csr_array:
    """The matrix (n, n) of differences on points one apart."""
    half = (order + 1) // 2 - 1 + accuracy // 2
    width = 2 * half + 1
    if n < width + 1:
        raise UsageError(
            "Mesh.derivative",
            f"{n} points for a derivative of order {order}",
            why=f"the stencil needs {width + 1}",
            do="Use a finer mesh, a lower order or a lower accuracy",
        )
    rows, columns, values = [], [], []
    for i in range(n):
        first = i - half
        if not periodic:
            wide = width + (0 if half <= i < n - half else 1)
            first = min(max(first, 0), n - wide)
        else:
            wide = width
        at = np.arange(first, first + wide)
        rows += [i] * wide
        columns += (at % n).tolist()
        values += _weights(tuple((at - i).tolist()), order)
    return sparse.csr_array((values, (rows, columns)), shape=(n, n))


@cache
def _weights(points: tuple[int, ...], order: int) -> list[float]:
    """Weights that are exact for polynomials through ``points``: the Taylor conditions, solved."""
    powers = np.vander(np.array(points, dtype=float), increasing=True).T
    wanted = np.zeros(len(points))
    wanted[order] = float(np.prod(np.arange(1, order + 1)))
    return np.linalg.solve(powers, wanted).tolist()
