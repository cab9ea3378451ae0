"""A user's step by its name, ``module:object``, and whose fault it is when it fails."""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

from trueup.core.errors import EvidenceError, TrueupError, UsageError


def named_step(name: str, *, folder: str | Path = ".") -> Any:
    """The step called ``module:object``, imported from ``folder`` first.

    Raises
    ------
    UsageError
        There is no such module or object, or it cannot step.
    """
    module, _, inside = name.partition(":")
    if not module or not inside:
        raise UsageError(
            "discover", f"cannot read the step '{name}'",
            do="Write module:function, such as mymodel:step for a function step in mymodel.py",
        )  # fmt: skip
    found = _object(_module(module, Path(folder).resolve()), inside, name)
    if isinstance(found, type):
        raise UsageError(
            "discover", f"'{name}' is a class", do=f"Name an object of it: model = {inside}(...)"
        )
    if not callable(getattr(found, "step", found)):
        raise UsageError(
            "discover",
            f"'{name}' is a {type(found).__name__}, which cannot be called",
            do="Name a function (state, dt) -> state, or an object with a method step",
        )
    return found


def _module(name: str, folder: Path) -> Any:
    path = str(folder)
    sys.path.insert(0, path)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise UsageError(
                "discover", f"there is no module '{name}'",
                do=f"Work in the folder of {name.split('.')[0]}.py (this is {folder})",
            ) from error  # fmt: skip
        raise _broken(name, error) from error
    except Exception as error:
        raise _broken(name, error) from error
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(path)


def _broken(name: str, error: Exception) -> UsageError:
    return UsageError(
        "discover", f"importing '{name}' raised {type(error).__name__}: {error}", do="Mend it first"
    )


def _object(module: Any, inside: str, name: str) -> Any:
    try:
        return reduce(getattr, inside.split("."), module)
    except AttributeError as error:
        here = [n for n, v in vars(module).items()
                if not n.startswith("_") and callable(getattr(v, "step", v))]  # fmt: skip
        raise UsageError(
            "discover",
            f"there is no '{inside}' in module '{module.__name__}'",
            do=f"It has: {', '.join(here[:12]) or 'nothing that can be called'}",
        ) from error


@contextlib.contextmanager
def blamed(step: Any, name: str) -> Iterator[None]:
    """Errors that ``step`` raises inside are told as its own; others pass."""
    module = sys.modules.get(name.partition(":")[0])
    file = getattr(module, "__file__", None)
    try:
        yield
    except TrueupError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        mine = [frame for frame in frames if file and frame.filename == file]
        if not mine:
            raise
        raise EvidenceError(
            name,
            f"it raised {type(error).__name__}: {error} (line {mine[-1].lineno} of "
            f"{Path(file).name})",
            why="states may be of another grid than the model's, or their axes in another order",
            do="Call it yourself with one observed state, or with time as the first axis",
        ) from error
