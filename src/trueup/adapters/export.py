"""Write a correction for another engine, verified row by row before anybody gets it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trueup.adapters.check import Checked
from trueup.adapters.formula import Formula
from trueup.core.errors import UsageError


@dataclass(frozen=True)
class Target:
    """A format: its room, its functions, the ending of its files, and the options it takes."""

    room: str
    ending: str
    options: tuple[str, ...] = ()


TARGETS = {
    "sql": Target("sql", ".sql", ("table", "dialect")),
    "onnx": Target("onnx", ".onnx", ("kind",)),
    "json": Target("json", ".json"),
    "python": Target("python", ".py"),
}
"""Format -> where it is made."""


@dataclass(frozen=True)
class Exported:
    """What was written, and how it was verified.

    Attributes
    ----------
    content
        The text, or the bytes of a graph.
    checked
        How it compares with this library, row by row.
    path
        Where it was written, or None.
    """

    content: str | bytes
    checked: Checked
    path: Path | None = None


def exported(formula: Formula, to: str, **options: Any) -> Exported:
    """A correction in the format ``to``, verified where an engine is here to run it.

    Parameters
    ----------
    to
        ``"sql"``, ``"onnx"``, ``"json"`` or ``"python"``.
    options
        ``table`` and ``dialect`` for SQL; ``kind`` (``np.float64`` or ``np.float32``) for ONNX.

    Raises
    ------
    UsageError
        There is no such format, it takes no such option, or a part has no form in it.
    TrueupError
        What was written gives another number than this library.
    """
    target = TARGETS.get(to)
    if target is None:
        raise UsageError("export", f"there is no format {to!r}", do=f"Use {', '.join(TARGETS)}")
    options = {name: value for name, value in options.items() if value is not None}
    strange = sorted(set(options) - set(target.options))
    if strange:
        known = ", ".join(target.options) or "none"
        raise UsageError("export", f"{to} takes no {strange[0]!r}", do=f"Its options: {known}")
    room = importlib.import_module(f"trueup.adapters.{target.room}")
    made = getattr(room, f"to_{to}")(formula, **options)
    content = made if isinstance(made, str) else made.SerializeToString()
    # The name of the table changes nothing that could be checked.
    options.pop("table", None)
    return Exported(content, getattr(room, f"check_{to}")(formula, **options))
