"""The few numbers of a network that are tuned after its matrices were changed: biases and norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trueup.core.errors import UsageError


PARTS = ("bias", "norm")


def check_parts(who: str, parts: Sequence[str]) -> None:
    """Refuse parts that are none."""
    if not parts or any(part not in PARTS for part in parts):
        raise UsageError(who, f"parts are {tuple(parts)}", do=f"Use {', '.join(PARTS)}")


def is_norm(module: Any) -> bool:
    """Whether a module of torch is a norm, by the name of its class."""
    return "Norm" in type(module).__name__
