"""Reference simulators, batched over members, for worlds in which the missing physics is known.

>>> from trueup.worlds.simulators import Lorenz63
>>> Lorenz63().step(Lorenz63().initial(members=2), 0.01).shape
(2, 3)
"""

from __future__ import annotations

import importlib


_WHERE = {
    "AbstractSystem": "system",
    "Burgers": "burgers",
    "Channel": "quasi_geostrophic",
    "ks_cases": "cases",
    "KuramotoSivashinsky": "kuramoto_sivashinsky",
    "Line": "line",
    "Lorenz63": "lorenz63",
    "Lorenz84": "lorenz84",
    "Lorenz96": "lorenz96",
    "MissingPhysics": "cases",
    "NavierStokes": "navier_stokes",
    "Plane": "plane",
    "qg_cases": "cases",
    "qg_fields": "cases",
    "QuasiGeostrophic": "quasi_geostrophic",
    "SIR": "sir",
    "SwiftHohenberg": "swift_hohenberg",
    "ThreeBody": "three_body",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str):
    """Import a simulator when it is first used."""
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return list(__all__)
