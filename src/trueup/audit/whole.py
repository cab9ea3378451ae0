"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from trueup.core.errors import UsageError


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A place to write to, which becomes ``path`` at the end, and disappears on failure.

    A pipe or a device (``/dev/stdout``) is written to as it is: nothing can be renamed onto it.
    Where ``path`` is a link, the file that it points to is replaced, not the link.

    Raises
    ------
    UsageError
        The folder does not exist, or ``path`` is a folder.
    """
    path = Path(path)
    place_for("write", path)
    if path.exists() and not path.is_file():
        yield path
        return
    path = path.resolve()
    # Its own name for every process: two may write to one place.
    partial = path.with_name(f".{path.name[:200]}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def place_for(who: str, path: str | Path) -> None:
    """Refuse a place where no file can be, before the work is done rather than after."""
    path = Path(path)
    if path.is_dir():
        raise UsageError(who, f"{path} is a folder", do="Name a file")
    if not path.parent.is_dir():
        raise UsageError(who, f"there is no folder {path.parent}", do="Make it first")


def write_whole(path: str | Path, text: str) -> Path:
    """Write a text file that is either whole or not there."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return Path(path)
