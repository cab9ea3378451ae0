r"""The weak form: fields as integrals against smooth functions of compact support.

With test functions :math:`\psi(\xi) = (1 - \xi^2)^6` on pieces of the mesh, summation by parts
moves differences D from what is noisy to what is smooth,
:math:`\langle \psi, D^n u^p \rangle = \langle (D^n)^T \psi, u^p \rangle \approx
(-1)^n \langle \psi^{(n)}, u^p \rangle`. A term gains where it is a derivative of a power, as u_xx
and u^2 u_x are; u u_xx is not.
"""

from __future__ import annotations

import numpy as np

from trueup.core.errors import UsageError
from trueup.error.discovery.mesh import Mesh


POWER = 6
"""Derivatives below this order vanish at the ends of a test function."""


def functions(mesh: Mesh, space: tuple[int, ...]) -> list[np.ndarray]:
    """Test functions (q, points) of every dimension, each of sum 1, half overlapping."""
    return [
        _bumps(n, mesh.edge or max(n // 12, 4), periodic)
        for n, periodic in zip(space, mesh.periodic, strict=True)
    ]


def _bumps(n: int, half: int, periodic: bool) -> np.ndarray:
    if n < 2 * half + 1 or half < 4:
        raise UsageError(
            "Mesh",
            f"{n} points for test functions of {2 * half + 1}",
            why="a test function needs four points on either side of its middle",
            do="Pass an edge of 4 or more, at most half of the points",
        )
    step = max(half // 4, 1)
    middles = np.arange(0, n, step) if periodic else np.arange(half, n - half, step)
    away = np.arange(n) - middles[:, None]
    if periodic:
        away = (away + n // 2) % n - n // 2
    found = np.maximum(1 - (away / half) ** 2, 0.0) ** POWER
    return found / found.sum(axis=1, keepdims=True)


def integrals(fields: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Rows (n, rows) of ``fields`` (n, components, *mesh): integrals against all test functions."""
    for place, psi in enumerate(functions(mesh, fields.shape[2:])):
        fields = np.moveaxis(np.tensordot(fields, psi, axes=(2 + place, 1)), -1, 2 + place)
    return fields.reshape(len(fields), -1)
