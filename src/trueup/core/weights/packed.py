"""Weights that are kept in less room, and look like any other weights.

A tensor is packed by one of a few kinds: codes of few bits, values and where they stand, two thin
factors, or a sum of such parts. A file of packed weights is a safetensors file: each part is a
tensor ``name#part``, and the metadata say of which kind every tensor is.

Examples
--------
>>> from trueup.core.weights import Held, save_weights, open_weights
>>> from trueup.core.weights.packings import Codes
>>> codes = Codes((1, 4), bits=2, codes=np.uint8([[0, 1, 2, 3]]), scale=np.float16([[0.5]]))
>>> packed = Packed({"w": codes}, Held({"w": np.zeros((1, 4), np.float32)}))
>>> packed["w"], packed.stored.bytes
(array([[-1. , -0.5,  0. ,  0.5]], dtype=float32), 3)
"""

from __future__ import annotations

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.weights.types import dtype_of, name_of
from trueup.core.weights.view import Spec, Weights


KEY = "trueup.packed"
"""Where the metadata of a file say how its tensors are packed."""
PACKINGS = "trueup.core.weights.packings"
KINDS = {"codes": "Codes", "sparse": "Sparse", "low rank": "LowRank", "sum": "Sum",
         "rotated": "Rotated"}  # fmt: skip
"""Kind -> class, of all that a file may ask for."""


class AbstractPacked(ABC):
    """A tensor in less room.

    Attributes
    ----------
    shape
        The tensor's.
    """

    kind: ClassVar[str]
    shape: tuple[int, ...]

    @abstractmethod
    def values(self) -> np.ndarray:
        """The tensor, float32."""

    @abstractmethod
    def parts(self) -> dict[str, np.ndarray]:
        """What a file keeps of it, by name."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What must be known beside the parts; JSON."""

    @classmethod
    @abstractmethod
    def of(cls, shape: tuple[int, ...], parts: Mapping[str, np.ndarray], facts: dict) -> Any:
        """The tensor that ``parts`` and ``facts`` tell of."""

    @property
    def bytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.nbytes for part in self.parts().values())


@dataclass(frozen=True, repr=False, eq=False)
class Packed(Weights):
    """Weights of which some tensors are packed.

    Parameters
    ----------
    tensors
        Name -> how it is packed.
    rest
        The weights as they were: names, order, types, and the tensors that are kept as they are.
    facts
        What was done, for people and for proofs; goes into the metadata.
    """

    tensors: Mapping[str, AbstractPacked]
    rest: Weights
    facts: dict[str, str] = field(default_factory=dict)
    _file: Weights | None = None
    _last: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def source(self) -> str:  # type: ignore[override]
        """Where they come from."""
        return self.rest.source

    @property
    def specs(self) -> dict[str, Spec]:  # type: ignore[override]
        """Name -> what the tensor is when it is read."""
        return self.rest.specs

    @property
    def metadata(self) -> dict[str, str]:  # type: ignore[override]
        """What the file says of itself."""
        return {**self.rest.metadata, **self.facts}

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor, unpacked."""
        if name not in self.tensors:
            return self.rest.read(name, start, stop)
        if name not in self._last:
            self._last.clear()  # tensors are read one after another
            values = self.tensors[name].values().astype(dtype_of(self.specs[name].type), copy=False)
            self._last[name] = values.reshape(-1)
        return self._last[name][start:stop]

    @property
    def stored(self) -> Weights:
        """What a file keeps."""
        return self._file or _Stored(self)


class _Stored(Weights):
    """The parts of packed weights as tensors of a file."""

    def __init__(self, packed: Packed) -> None:
        self.source, self.packed = packed.source, packed
        self.parts: dict[str, np.ndarray] = {}
        self.specs, rows = {}, {}
        for name, spec in packed.specs.items():
            if name not in packed.tensors:
                self.specs[name] = spec
                rows[name] = {}
                continue
            tensor = packed.tensors[name]
            parts = tensor.parts()
            for part, array in parts.items():
                self.parts[f"{name}#{part}"] = array
                self.specs[f"{name}#{part}"] = Spec(name_of(array.dtype), array.shape)
            rows[name] = {"kind": tensor.kind, "type": spec.type, "shape": list(spec.shape),
                          "facts": tensor.facts(), "parts": list(parts)}  # fmt: skip
        self.metadata = {**packed.metadata, KEY: json.dumps(rows)}

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        if name in self.parts:
            return np.ascontiguousarray(self.parts[name]).reshape(-1)[start:stop]
        return self.packed.rest.read(name, start, stop)


class _Plain(Weights):
    """Weights of a packed file as they were before, of which packed tensors cannot be read."""

    def __init__(self, file: Weights, rows: dict[str, Any]) -> None:
        self.source, self.file = file.source, file
        self.metadata = {key: text for key, text in file.metadata.items() if key != KEY}
        self.specs = {
            name: Spec(row["type"], tuple(row["shape"])) if row else file.specs[name]
            for name, row in rows.items()
        }

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        return self.file.read(name, start, stop)


class _OfFile(Mapping):
    """The packed tensors of a file, each read when it is asked for."""

    def __init__(self, file: Weights, rows: dict[str, Any]) -> None:
        self.file = file
        self.rows = {name: row for name, row in rows.items() if row}

    def __getitem__(self, name: str) -> AbstractPacked:
        row = self.rows[name]
        parts = {part: self.file[f"{name}#{part}"] for part in row["parts"]}
        try:
            return kind_of(row["kind"]).of(tuple(row["shape"]), parts, row["facts"])
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(self.file, f"{name}: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def opened(file: Weights) -> Weights:
    """The weights that a file of packed ones tells of; other files as they are."""
    if KEY not in file.metadata:
        return file
    try:
        rows = json.loads(file.metadata[KEY])
        rest, tensors = _Plain(file, rows), _OfFile(file, rows)
        missing = [
            f"{name}#{part}"
            for name, row in tensors.rows.items()
            for part in (*row["parts"], *([] if row["kind"] in KINDS else [row["kind"]]))
            if f"{name}#{part}" not in file
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(file, str(error)) from error
    if missing:
        raise _unreadable(file, f"there is no {missing[0]}")
    return Packed(tensors, rest, {}, file)


def _unreadable(file: Weights, what: str) -> EvidenceError:
    return EvidenceError(
        "weights",
        f"{file.source} says how it is packed, and cannot be read so: {what}",
        do="Write it again with this version",
    )


def kind_of(name: str) -> type[AbstractPacked]:
    """The class of a kind."""
    return getattr(importlib.import_module(PACKINGS), KINDS[name])
