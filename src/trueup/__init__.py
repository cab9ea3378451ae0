"""Measure how far a model is from the truth, correct it, and prove the correction.

>>> import trueup as tu
>>> world = tu.worlds.confident_by_factor(2.0, rows=2_000)
>>> print(tu.calibration.accuracy(world.evidence.truth, world.evidence.prediction).n)
2000
"""

from __future__ import annotations

import importlib


__version__ = "0.1.0"

_WHERE = {
    "audit_model": "trueup.audit.verbs",
    "measure": "trueup.verbs",
    "correct": "trueup.verbs",
    "prove": "trueup.verbs",
    **{
        name: "trueup.core"
        for name in (
            "Card", "Cube", "Curve", "Ensemble", "Estimate", "Evidence", "Grid", "Intervals",
            "Normal", "Outcome", "Points", "Probabilities", "Quantiles", "Sets", "TrueupError",
            "cube_of_images",
        )
    },
    "Fitted": "trueup.core.fitted",
    "Proof": "trueup.core.proof",
    "Simulator": "trueup.core.simulator",
    "Windows": "trueup.core.windows",
}  # fmt: skip
_ROOMS = (
    "adapters", "audit", "calibration", "core", "error", "forecast", "parameters", "variance",
    "worlds",
)  # fmt: skip

__all__ = sorted((*_WHERE, *_ROOMS))


def __getattr__(name: str):
    """Import a verb, a noun or a room when it is first used: ``import trueup`` stays light."""
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"trueup.{name}")
    raise AttributeError(f"module 'trueup' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
