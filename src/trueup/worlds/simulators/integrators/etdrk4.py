"""Exponential time differencing of order 4: the stiff linear part is exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from trueup.worlds.simulators.integrators.base import Integrator


CONTOUR = 32
"""Points on the circle around each ``dt L`` over which coefficients are averaged."""


@dataclass(frozen=True)
class ETDRK4(Integrator):
    """The scheme of Cox and Matthews with the contour integrals of Kassam and Trefethen.

    With ``N_v = N(v)`` and so on::

        a = E2 v + Q N_v        b = E2 v + Q N_a        c = E2 a + Q (2 N_b - N_v)
        v' = E v + f1 N_v + 2 f2 (N_a + N_b) + f3 N_c

    ``E = exp(dt L)``, ``E2 = exp(dt L / 2)``; ``Q, f1, f2, f3`` are means over a circle around
    ``dt L``, where the formulas lose no digits. Four evaluations of ``N`` a step. Without ``L`` it
    is ``RK4``. Source: Cox and Matthews 2002, J. Comput. Phys. 176, eqs. 26-29; Kassam and
    Trefethen 2005, SIAM J. Sci. Comput. 26(4).
    """

    name: ClassVar[str] = "etdrk4"
    order: ClassVar[int] = 4

    def advance(self, system, carry, dt, arrays):
        (v,) = carry
        half, q, f1, f2, f3 = coefficients(system, dt, arrays)
        n_v = system.nonlinear(v, arrays)
        v_half = half * v
        a = q * n_v
        a += v_half
        n_a = system.nonlinear(a, arrays)
        b = q * n_a
        b += v_half
        n_b = system.nonlinear(b, arrays)
        c = 2 * n_b
        c -= n_v
        c *= q
        a *= half
        c += a
        n_a += n_b
        n_a *= f2
        n_v *= f1
        n_v += n_a
        v_half *= half
        n_v += v_half
        n_c = system.nonlinear(c, arrays)
        n_c *= f3
        n_v += n_c
        return (n_v,)


@lru_cache(maxsize=32)
def coefficients(system, dt: float, arrays) -> tuple:
    """``E2, Q, f1, 2 f2, f3`` of one system, step and precision; ``E`` is ``E2^2``."""
    symbol = system.linear()
    symbol = np.zeros(()) if symbol is None else np.asarray(symbol)
    z = dt * symbol
    around = z[..., None] + np.exp(2j * np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR)
    grown = np.exp(around)
    means = (
        (np.exp(around / 2) - 1) / around,
        (-4 - around + grown * (4 - 3 * around + around**2)) / around**3,
        2 * (2 + around + grown * (around - 2)) / around**3,
        (-4 - 3 * around - around**2 + grown * (4 - around)) / around**3,
    )
    made = [np.exp(z / 2), *(dt * mean.mean(axis=-1) for mean in means)]
    real = not np.iscomplexobj(symbol)
    return tuple(arrays.constant(part.real if real else part) for part in made)
