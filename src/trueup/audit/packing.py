"""A map as JSON and arrays, and back: numbers and names, never code."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from trueup.core.cards import all_cards
from trueup.core.errors import EvidenceError, TrueupError, UsageError
from trueup.core.fitted import AbstractMap
from trueup.core.saved import Saved
from trueup.verbs import CORRECTIONS


AGAIN = "Save it again from the audit"
"""What to do about a file that cannot be read."""


FIELDS = "fields"
"""Where the fields of a part stand that has one called ``kind``."""


def pack(value: Any, arrays: dict, name: str) -> Any:
    """A map as JSON; its arrays go into ``arrays`` under names below ``name``."""
    if isinstance(value, Saved) and type(value).__module__.startswith("trueup."):
        parts = {
            f.name: pack(getattr(value, f.name), arrays, f"{name}.{f.name}") for f in fields(value)
        }  # type: ignore[arg-type]
        # A field of the name that tells the part must not take its place.
        parts = {FIELDS: parts} if "kind" in parts else parts
        return {"kind": type(value).__name__, **parts}
    if isinstance(value, tuple):
        return [pack(item, arrays, f"{name}.{i}") for i, item in enumerate(value)]
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if value is not None and not isinstance(value, int | float | str | np.number):
        raise UsageError(
            "remedy.save",
            f"a map that holds {type(value).__name__} cannot be saved",
            why="only parts of the library can be read back",
            do="Keep the Fitted in this process, or write it with Fitted.sql",
        )
    return value.item() if isinstance(value, np.number) else value


def unpack(value: Any, arrays: dict, known: dict[str, type], *, of: Any = AbstractMap) -> Any:
    """What was packed, where a value of the type ``of`` belongs; only parts that are ``known``."""
    if get_origin(of) in (Union, UnionType):
        options = get_args(of)
        if value is None and NoneType in options:
            return None
        of = next((o for o in options if _suits(value, o)), options[0])
    if get_origin(of) is tuple:
        return _several(value, arrays, known, get_args(of))
    if of is str:
        return _word(value)
    if of is bool:
        return _flag(value)
    if not (isinstance(of, type) and issubclass(of, Saved)):
        return _number(arrays[value["array"]] if isinstance(value, dict) else value)
    return _part(value, arrays, known, of)


def _suits(value: Any, of: Any) -> bool:
    """Whether JSON of this shape can be of the type ``of``."""
    part = isinstance(of, type) and issubclass(of, Saved)
    if isinstance(value, dict):
        return part or ("array" in value and of is np.ndarray)
    if isinstance(value, list):
        return get_origin(of) is tuple
    return not part and (of is str) == isinstance(value, str)


def _several(value: Any, arrays: dict, known: dict[str, type], kinds: tuple) -> tuple:
    """A tuple of any length of one kind, or of one kind a place."""
    if not isinstance(value, list):
        raise _wrong(value, "a list belongs")
    many = len(kinds) == 2 and kinds[1] is Ellipsis
    each = [kinds[0]] * len(value) if many else list(kinds)
    if len(each) != len(value):
        raise _wrong(value, f"{len(each)} values belong")
    return tuple(unpack(v, arrays, known, of=of) for v, of in zip(value, each, strict=True))


def _part(value: Any, arrays: dict, known: dict[str, type], of: type) -> Any:
    """A part of a map, made from its fields."""
    if not isinstance(value, dict):
        raise _wrong(value, f"a part such as {of.__name__} belongs")
    kind = known.get(value["kind"])
    if kind is None:
        raise EvidenceError(
            "load_remedy", f"unknown map {value['kind']!r}", do="Audit again with this version"
        )
    if not issubclass(kind, of):
        raise _wrong(value["kind"], f"a part such as {of.__name__} belongs")
    types = _types(kind)
    rest = value[FIELDS] if "kind" in types else {k: v for k, v in value.items() if k != "kind"}
    strange = sorted(set(rest) - set(types))
    if strange:
        raise TypeError(f"{value['kind']} has no {strange[0]!r}")
    return kind(**{k: unpack(v, arrays, known, of=types[k]) for k, v in rest.items()})


@cache
def _types(kind: type) -> dict[str, Any]:
    """Name -> type of the fields of a part."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _word(value: Any) -> str:
    """A name of a column or a group, which is quoted wherever it is written."""
    if not isinstance(value, str):
        raise _wrong(value, "a name belongs")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, "true or false belongs")
    return value


def _number(value: Any) -> Any:
    """A number or numbers, and nothing else: maps write them into SQL."""
    if np.asarray(value).dtype.kind not in "iuf" or not np.isfinite(value).all():
        raise EvidenceError(
            "load_remedy",
            f"the map holds {np.asarray(value).reshape(-1)[:1].tolist()}, which is no number",
            do=AGAIN,
        )
    return value


def _wrong(value: Any, belongs: str) -> TrueupError:
    return EvidenceError("load_remedy", f"the map holds {value!r} where {belongs}", do=AGAIN)


def known_maps() -> dict[str, type]:
    """Maps of the library and their parts: a file can name no other class."""
    for card in all_cards():
        if card.family in CORRECTIONS:
            importlib.import_module(card.module)
    return {kind.__name__: kind for kind in saved_kinds()}


def saved_kinds(base: type = Saved) -> list[type]:
    """Every dataclass of the library that a file may hold."""
    below = [kind for each in base.__subclasses__() for kind in (each, *saved_kinds(each))]
    own = [k for k in below if k.__module__.startswith("trueup.") and is_dataclass(k)]
    return list(dict.fromkeys(own))


def content_hash(body: dict, arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of all that is saved."""
    made = hashlib.sha256(json.dumps(body, sort_keys=True).encode())
    for name in sorted(arrays):
        made.update(name.encode() + arrays[name].tobytes())
    return made.hexdigest()
