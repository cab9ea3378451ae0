"""Torch modules by the name of what makes them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from torch import nn

from trueup.core.errors import UsageError


def module_of(arch: Any) -> nn.Module:
    """The module that ``arch`` is, makes, or names."""
    if isinstance(arch, str):
        arch = named(arch)
    found = arch if isinstance(arch, nn.Module) or not callable(arch) else arch()
    if not isinstance(found, nn.Module):
        raise UsageError(
            "arch",
            f"it is a {type(found).__name__}",
            do="Name a function that makes a torch module",
        )
    return found


def named(text: str) -> Any:
    """The object ``module:name`` in the working folder."""
    module, _, name = text.partition(":")
    if not name:
        raise UsageError("--arch", f"got '{text}'", do="Write module:function, such as net:build")
    sys.path.insert(0, str(Path.cwd()))
    _forget(module.partition(".")[0])
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            "--arch", f"cannot find '{text}': {error}", do="Run from the folder of the module"
        ) from error
    finally:
        sys.path.pop(0)


def _forget(name: str) -> None:
    """Forget a module of this name that was imported from another folder, where one lies here."""
    here = [Path.cwd() / f"{name}.py", Path.cwd() / name / "__init__.py"]
    file = getattr(sys.modules.get(name), "__file__", None)
    if file and any(path.is_file() for path in here) and Path(file).resolve() not in here:
        for key in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[key]
