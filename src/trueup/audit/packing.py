"""A map as JSON and arrays, and back: numbers and names, never code."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import Any

import numpy as np

from trueup.core.cards import all_cards
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.fitted import AbstractMap
from trueup.verbs import CORRECTIONS


def pack(value: Any, arrays: dict, name: str) -> Any:
    """A map as JSON; its arrays go into ``arrays`` under names below ``name``."""
    if isinstance(value, AbstractMap):
        parts = {
            f.name: pack(getattr(value, f.name), arrays, f"{name}.{f.name}") for f in fields(value)
        }  # type: ignore[arg-type]
        return {"kind": type(value).__name__, **parts}
    if isinstance(value, tuple):
        return [pack(item, arrays, f"{name}.{i}") for i, item in enumerate(value)]
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if not isinstance(value, int | float | str | np.number):
        raise UsageError(
            "remedy.save",
            f"a map that holds {type(value).__name__} cannot be saved yet",
            do="Keep the Fitted in this process, or write it with Fitted.sql",
        )
    return value


def unpack(value: Any, arrays: dict, known: dict[str, type], *, words: bool = False) -> Any:
    """What was packed; only numbers and names, and only maps that are ``known``."""
    if isinstance(value, list):
        return tuple(unpack(item, arrays, known, words=words) for item in value)
    if words:
        return _word(value)
    if not isinstance(value, dict):
        return _number(value)
    if "array" in value:
        return _number(arrays[value["array"]])
    kind = known.get(value["kind"])
    if kind is None:
        raise EvidenceError(
            "load_remedy", f"unknown map {value['kind']!r}", do="Audit again with this version"
        )
    words = {f.name for f in fields(kind) if f.type in ("str", "tuple[str, ...]")}  # type: ignore[arg-type]
    rest = {k: v for k, v in value.items() if k != "kind"}
    return kind(**{k: unpack(v, arrays, known, words=k in words) for k, v in rest.items()})


def _word(value: Any) -> str:
    """A name of a column or a group, which is quoted wherever it is written."""
    if not isinstance(value, str):
        raise EvidenceError(
            "load_remedy",
            f"the map holds {value!r} where a name belongs",
            do="Save it again from the audit",
        )
    return value


def _number(value: Any) -> Any:
    """A number or numbers, and nothing else: maps write them into SQL."""
    if np.asarray(value).dtype.kind not in "iuf" or not np.isfinite(value).all():
        raise EvidenceError(
            "load_remedy",
            f"the map holds {np.asarray(value).reshape(-1)[:1].tolist()}, which is no number",
            do="Save it again from the audit",
        )
    return value


def known_maps() -> dict[str, type]:
    """The maps of the library: a file can name no other class."""
    for card in all_cards():
        if card.family in CORRECTIONS:
            importlib.import_module(card.module)
    kinds = _kinds_of(AbstractMap)
    return {kind.__name__: kind for kind in kinds if kind.__module__.startswith("trueup.")}


def _kinds_of(kind: type) -> list[type]:
    """Every class below ``kind``."""
    below = kind.__subclasses__()
    return below + [deeper for each in below for deeper in _kinds_of(each)]
