"""Where the shared data lie: ``TRUEUP_DATA``, else ``../shared/data`` from the repository root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_folder() -> Path:
    """The folder of shared data, whether or not it is there."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("TRUEUP_DATA") or beside)


def shared(*parts: str) -> Path:
    """A file of the shared data; the calling test is skipped, with the reason, without it."""
    path = shared_folder().joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared data missing: {'/'.join(parts)} (set TRUEUP_DATA)")
    return path
