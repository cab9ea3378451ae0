"""Corrections outside of this process: SQL, ONNX, JSON, Python, scikit-learn, torch.

A room knows one outside type each, and is imported when it is first asked for:
``trueup.adapters.sklearn``, ``trueup.adapters.torch``. Files are written by
``trueup.adapters.export``.
"""

import importlib


_ROOMS = ("export", "formula", "json", "onnx", "python", "sklearn", "sql", "torch")


def __getattr__(name: str):
    """Import a room when it is first used."""
    if name in _ROOMS:
        return importlib.import_module(f"trueup.adapters.{name}")
    raise AttributeError(f"module 'trueup.adapters' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*_ROOMS]
