"""Worlds in which a model misses physics, and what it misses is known.

>>> case = ks_cases()["KS7"]
>>> case.model.u_ux, case.missing
(0.5, {'u u_x': -0.5})
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trueup.core.errors import UsageError
from trueup.worlds.simulators.arrays import arrays_of
from trueup.worlds.simulators.kuramoto_sivashinsky import LINE, KuramotoSivashinsky
from trueup.worlds.simulators.line import Line
from trueup.worlds.simulators.quasi_geostrophic import Channel, QuasiGeostrophic
from trueup.worlds.simulators.system import AbstractSystem


@dataclass(frozen=True, eq=False)
class MissingPhysics:
    """A system, an imperfect model of it, and the terms between them.

    Attributes
    ----------
    name
        Name of the case in the papers' code.
    system, model
        The truth, and the model with wrong coefficients; states mean the same to both.
    missing
        Term -> what must be added to the tendency of the model to have that of the system; a pair
        for two layers. Terms of a line are those of ``KuramotoSivashinsky.terms``, of a channel
        those of ``qg_fields``.
    """

    name: str
    system: AbstractSystem
    model: AbstractSystem
    missing: dict[str, Any]


_KS = {
    "KS": [
        (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 1, 1), (1, 0.5, 1),
        (1, 1, 0.5), (2, 2, 2), (0, 0.5, 2), (0.5, 0, 1),
    ],
    "u3x": {
        1: (1, 1, 1, 0.1), 2: (1, 1, 1, 0.5), 3: (1, 1, 1, 1.0),
        21: (0, 1, 1, 0.5), 22: (1, 0, 1, 0.5), 23: (1, 1, 0, 0.5),
    },
    "Du3": {
        1: (1, 1, 1, 1.5), 2: (1, 1, 1, 0.15), 3: (1, 1, 1, 0.015),
        21: (0, 1, 1, 0.15), 22: (1, 0, 1, 0.15), 23: (1, 1, 0, 0.15),
    },
}  # fmt: skip


def ks_cases(*, grid: Line = LINE) -> dict[str, MissingPhysics]:
    """The 24 imperfect models of the Kuramoto-Sivashinsky equation, by name.

    ``KS1`` to ``KS12`` have missing or wrong terms; ``u3x-...`` also a spurious ``u_xxx``;
    ``Du3-...`` a spurious ``u^2 u_x``, which the published code has as ``u_ux d/dx (c u^3) / 2``,
    so with the coefficient ``1.5 c u_ux``. The system steps by ETDRK4, the model by CNAB2: in the
    papers one model step of .005 from two observed states, ``step(u, 0.005, previous=...)``.

    Parameters
    ----------
    grid
        The line of system and models.

    Notes
    -----
    Source: Mojgani et al. 2022, Chaos 32, 061105.
    """
    rows = {f"KS{n}": (c, {}) for n, c in enumerate(_KS["KS"], start=1)}
    rows |= {f"u3x-{n}": (c, {"u_xxx": c[3]}) for n, c in _KS["u3x"].items()}
    rows |= {f"Du3-{n}": (c, {"u^2 u_x": 1.5 * c[0] * c[3]}) for n, c in _KS["Du3"].items()}
    system = KuramotoSivashinsky(grid=grid)
    made = {}
    for name, (wrong, extra) in rows.items():
        model = KuramotoSivashinsky(
            *map(float, wrong[:3]), extra=extra, grid=grid, integrator="cnab2"
        )
        has, wants = {**model.terms(), **extra}, system.terms()
        gap = {term: value - wants.get(term, 0.0) for term, value in has.items()}
        made[name] = MissingPhysics(name, system, model, {t: v for t, v in gap.items() if v})
    return made


_RELAX = "psi_1 - psi_2 - psi_R"
_QG = {
    "1001": ({"tau_d": 0.11}, {_RELAX: (-0.1, 0.1)}),
    "1002": ({"tau_d": 0.11, "tau_f": 0.37}, {_RELAX: (-0.1, 0.1), "lap psi_2": (0.0, 0.3)}),
    "1003": ({"tau_d": 0.0}, {_RELAX: (0.01, -0.01)}),
    "1004": ({"jacobian": 0.5}, {"J": (-0.5, -0.5)}),
    "1005": (
        {"jacobian": 0.0, "tau_d": 0.11, "tau_f": 0.37},
        {"J": (-1.0, -1.0), _RELAX: (-0.1, 0.1), "lap psi_2": (0.0, 0.3)},
    ),
    "1006": ({"tau_f": 0.37}, {"lap psi_2": (0.0, 0.3)}),
    "1007": ({"tau_f": 0.0}, {"lap psi_2": (0.0, -0.07)}),
    "1008": ({"psi_R": 0.0}, {"psi_R": (-0.01, 0.01)}),
    "1009": ({"beta": 0.0}, {"d psi_k/dx": (-0.196, -0.196)}),
}
_MOUNTAINS = {
    "A": ((0, 0, 0, 0), (0, 0, 0, 0)),
    "B": ((20, 20, 20, 20), (20, 20, 20, 20)),
    "C": ((20, 20, 20, 20), (20, 10, 15, 5)),
}
"""Variant -> heights of the system and of the model."""


def qg_cases(variant: str = "A", *, channel: Channel | None = None) -> dict[str, MissingPhysics]:
    """The nine imperfect models of the two-layer channel, by name.

    Parameters
    ----------
    variant
        ``"A"`` without mountains, ``"B"`` with the same in system and model, ``"C"`` with lower
        ones in the model. What lower mountains leave out is not in ``missing``.
    channel
        Grid and jet; its mountains are those of the variant.

    Notes
    -----
    Without ``beta`` (1009) the hyperviscosity of system and model also differs, where y wraps
    around; the papers cut 30 points off every side. Source: Mojgani et al. 2024, JAMES 16,
    e2023MS004033.
    """
    if variant not in _MOUNTAINS:
        raise UsageError("qg_cases", f"there is no variant {variant!r}", do="Pass one of A, B, C")
    true, wrong = (
        replace(channel or Channel(), mountains=heights) for heights in _MOUNTAINS[variant]
    )
    system = QuasiGeostrophic(channel=true)
    return {
        name: MissingPhysics(name, system, QuasiGeostrophic(**settings, channel=wrong), missing)
        for name, (settings, missing) in _QG.items()
    }


def qg_fields(system: QuasiGeostrophic, state: Any) -> dict[str, Any]:
    """Terms that may be missing from a channel: name -> (..., 2, ny, nx), a field a layer.

    Those of one layer stand in both, so that a pair of coefficients says in which layer they act;
    ``J``, ``psi_k`` and so on are those of the layer itself.

    Examples
    --------
    >>> system = QuasiGeostrophic(channel=Channel(nx=16, ny=32))
    >>> list(qg_fields(system, system.initial()))[:4]
    ['lap psi_1', 'lap psi_2', 'D psi_1', 'D psi_2']
    """
    channel, arrays = system.channel, arrays_of(state)
    psi = system.streamfunction(state)
    modes = arrays.rfft2(psi)
    d_dx, d_dy = arrays.constant(channel.d_dx), arrays.constant(channel.d_dy)
    laplacian = system.values(arrays.constant(channel.laplacian) * modes, arrays)
    slope = system.values((d_dx + d_dy) * modes, arrays)
    mountains = np.stack((np.zeros(channel.shape), channel.topography))
    jacobian = channel.jacobian(modes, arrays.rfft2(state + arrays.constant(mountains)), arrays)
    zero = 0 * state
    jet = zero + arrays.constant(channel.psi_R[:, None])

    def both(field: Any, layer: int) -> Any:
        return zero + field[..., layer : layer + 1, :, :]

    return {
        "lap psi_1": both(laplacian, 0), "lap psi_2": both(laplacian, 1),
        "D psi_1": both(slope, 0), "D psi_2": both(slope, 1),
        "psi_1": both(psi, 0), "psi_2": both(psi, 1), "psi_R": jet,
        "J": system.values(jacobian, arrays), "y": zero + arrays.constant(channel.y[:, None]),
        "d psi_k/dx": system.values(d_dx * modes, arrays),
        _RELAX: both(psi, 0) - both(psi, 1) - jet,
    }  # fmt: skip
