"""Methods of merging by their names, which are on the cards."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from typing import Any

from trueup.core.cards import all_cards
from trueup.core.errors import UsageError
from trueup.parameters.merging.rule import AbstractMerging


def methods() -> dict[str, type[AbstractMerging]]:
    """Name -> settings, of every method that ``merge`` takes."""
    found = {}
    for card in all_cards():
        if (card.question, card.family) == ("parameters", "merging"):
            module = importlib.import_module(card.module)
            for name in card.public:
                kind = getattr(module, name)
                if inspect.isclass(kind) and issubclass(kind, AbstractMerging):
                    found[name] = kind
    return found


def method_named(name: str, settings: dict[str, Any]) -> AbstractMerging:
    """The method called ``name``, in any case, with its ``settings``.

    Raises
    ------
    UsageError
        There is no such method or setting, or a value makes no sense.

    Examples
    --------
    >>> method_named("average", {})
    Average()
    """
    known = methods()
    kinds = {key.lower(): kind for key, kind in known.items()}
    if name.lower() not in kinds:
        names = ", ".join(sorted(known))
        raise UsageError("--method", f"there is no '{name}'", do=f"Use one of {names}")
    kind: Any = kinds[name.lower()]
    names = [field.name for field in dataclasses.fields(kind)]
    if strange := [key for key in settings if key not in names]:
        raise UsageError(
            "--set", f"{kind.__name__} has no setting '{strange[0]}'",
            do=f"Use {', '.join(names)}" if names else "It has none",
        )  # fmt: skip
    asked = {"arch": "--arch module:function", "inputs": "--calibration X.npz"}
    if missing := [asked[key] for key in asked if key in names and key not in settings]:
        raise UsageError(
            "--method", f"{kind.__name__} runs the models", do=f"Pass {' and '.join(missing)}"
        )
    try:
        return kind(**settings)
    except TypeError as error:
        raise UsageError(
            "--set", f"{kind.__name__} cannot be made of {settings}: {error}",
            do="Pass values as its page tells",
        ) from error  # fmt: skip
