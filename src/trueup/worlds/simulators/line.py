"""Equations on a periodic line, ``u_t + sum of c u^p d^d u/dx^d = 0``, by their terms.

>>> term("u^2 u_x"), term("u_xxx"), term("u")
((2, 1), (0, 3), (0, 0))
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from trueup.core.errors import UsageError
from trueup.worlds.simulators.arrays import Arrays
from trueup.worlds.simulators.integrators import integrator
from trueup.worlds.simulators.system import AbstractSystem, check_coefficients


@dataclass(frozen=True)
class Line:
    """A periodic line of ``points`` points, equally far apart, centred on 0.

    Parameters
    ----------
    points
        Number of points, even, at least 8.
    length
        Length of the period, above 0.

    Examples
    --------
    >>> Line(8, 16.0).x
    array([-8., -6., -4., -2.,  0.,  2.,  4.,  6.])
    """

    points: int = 1024
    length: float = 100.0

    def __post_init__(self) -> None:
        if not isinstance(self.points, int | np.integer) or self.points < 8 or self.points % 2:
            raise UsageError(
                "Line", f"'points' must be an even number, at least 8; got {self.points!r}",
                do="Pass 256, 512 or 1024",
            )  # fmt: skip
        check_coefficients(self, length=self.length)
        if self.length <= 0:
            raise UsageError("Line", f"'length' must be above 0; got {self.length}", do="Pass 100")

    @property
    def x(self) -> np.ndarray:
        """(points,) coordinates from -length / 2 on."""
        return (np.arange(self.points) - self.points // 2) * (self.length / self.points)

    @property
    def k(self) -> np.ndarray:
        """(points / 2 + 1,) wavenumbers of the modes of real values."""
        return 2 * np.pi / self.length * np.arange(self.points // 2 + 1)

    def symbol(self, order: int) -> np.ndarray:
        """(points / 2 + 1,) what the derivative of that order does to each mode.

        The mode of the shortest wave has no odd derivative on the grid: 0 stands there.
        """
        made = (1j * self.k) ** order
        if order % 2:
            made[-1] = 0
            return made
        return made.real


def term(name: str) -> tuple[int, int]:
    """(p, d) of the term ``u^p d^d u/dx^d`` of that name; ``u^p`` alone is (p - 1, 0)."""
    match = re.fullmatch(r"(?:(u(?:\^(\d+))?) )?u(?:_(x+))?", name)
    if match is None:
        power = re.fullmatch(r"u\^(\d+)", name)
        if power is None or not int(power[1]):
            raise UsageError(
                "extra", f"there is no term named {name!r}",
                do="Write terms like 'u', 'u^3', 'u_xxx', 'u u_x', 'u^2 u_xx'",
            )  # fmt: skip
        return int(power[1]) - 1, 0
    before, power, order = match.groups()
    return (int(power or 1) if before else 0), len(order or "")


class AbstractLine(AbstractSystem):
    """A system that is a sum of terms on a line; final classes give ``terms`` and ``initial``.

    Linear terms go to the linear part of the integrator. Others are made on the grid, those with a
    first derivative as ``d/dx u^(p+1) / (p+1)``, which keeps the mean.
    """

    grid: Line
    extra: tuple[tuple[str, float], ...]

    @abstractmethod
    def terms(self) -> dict[str, float]:
        """Name -> coefficient of each term on the side of ``u_t``, without ``extra``."""

    def __post_init__(self) -> None:
        extra = self.extra.items() if isinstance(self.extra, Mapping) else self.extra
        extra = tuple(sorted((str(name), value) for name, value in extra))
        object.__setattr__(self, "extra", extra)
        check_coefficients(self, **self.terms())
        check_coefficients(self, **dict(extra))
        for name, _ in extra:
            term(name)
        integrator(self.integrator)
        if not isinstance(self.grid, Line):
            raise UsageError(
                type(self).__name__, f"'grid' must be a Line; got {self.grid!r}",
                do="Pass Line(points=1024, length=100.0)",
            )  # fmt: skip

    @property
    def shape(self) -> tuple[int, ...]:
        """(points,)."""
        return (self.grid.points,)

    @property
    def x(self) -> np.ndarray:
        """(points,) coordinates."""
        return self.grid.x

    def modes(self, state: Any, arrays: Arrays) -> Any:
        return arrays.rfft(state)

    def values(self, modes: Any, arrays: Arrays) -> Any:
        return arrays.irfft(modes, self.grid.points)

    def linear(self) -> np.ndarray:
        """(points / 2 + 1,) growth rate of each mode; real where no odd derivative is in it."""
        made = np.zeros(self.grid.points // 2 + 1)
        for (power, order), value in _all(self).items():
            if not power and value:
                made = made - value * self.grid.symbol(order)
        return made

    def nonlinear(self, modes: Any, arrays: Arrays) -> Any:
        flux, source, others = _plan(self, arrays)
        if not (flux or source or others):
            return 0 * modes
        u = arrays.irfft(modes, self.grid.points)
        made = None
        if flux:
            alone = not others and not source
            made = arrays.rfft(_polynomial(u, flux[0], alone))
            made *= flux[1]
        for power, symbol in others:
            wave = arrays.irfft(symbol * modes, self.grid.points)
            made = _plus(made, arrays.rfft(u**power * wave))
        return _plus(made, arrays.rfft(_polynomial(u, source))) if source else made

    def _resize(self) -> str:
        return "grid=Line(points=...)"


def _all(system: AbstractLine) -> dict[tuple[int, int], float]:
    """(p, d) -> coefficient, ``extra`` added to the terms of the equation."""
    made: dict[tuple[int, int], float] = {}
    for name, value in (*system.terms().items(), *system.extra):
        made[term(name)] = made.get(term(name), 0.0) + value
    return made


@lru_cache(maxsize=32)
def _plan(system: AbstractLine, arrays: Arrays) -> tuple:
    """What ``nonlinear`` needs: a flux and a source as polynomials, and (power, symbol) of others.

    The highest coefficient of the flux is 1, its value is in the symbol.
    """
    terms = {key: value for key, value in _all(system).items() if key[0] and value}
    flux = [(p + 1, -c / (p + 1)) for (p, d), c in terms.items() if d == 1]
    source = [(p + 1, -c) for (p, d), c in terms.items() if d == 0]
    others = tuple(
        (p, arrays.constant(-c * system.grid.symbol(d))) for (p, d), c in terms.items() if d > 1
    )
    sources = _dense(source) if source else ()
    if not flux:
        return (), sources, others
    scale = max(flux)[1]
    symbol = arrays.constant(scale * system.grid.symbol(1))
    return (_dense([(p, c / scale) for p, c in flux]), symbol), sources, others


def _dense(parts: list[tuple[int, float]]) -> tuple[float, ...]:
    """Coefficients of all powers, from the highest down to 1."""
    values = dict(parts)
    return tuple(values.get(power, 0.0) for power in range(max(values), 0, -1))


def _polynomial(u: Any, values: tuple[float, ...], spent: bool = False) -> Any:
    """``values[0] u^n + ... + values[-1] u`` by Horner's rule; ``u`` may be ``spent`` on it."""
    if spent and values == (1.0, 0.0):
        u *= u
        return u
    made = u if values[0] == 1 else values[0] * u
    for value in values[1:]:
        made = (made + value if value else made) * u
    return made


def _plus(sum_: Any, part: Any) -> Any:
    if sum_ is None:
        return part
    sum_ += part
    return sum_
