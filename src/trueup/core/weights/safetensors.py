"""Safetensors files, single or in shards, read where they lie.

A file is the length of its header (8 bytes, little endian), the header (JSON: name -> type, shape,
first and last byte of the data), and the data. Reading by position keeps no page of it mapped, so
that memory is that of the piece that is asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.types import dtype_of
from trueup.core.weights.view import Spec, Weights


LONGEST = 100_000_000
"""Bytes that a header may take; what says more is another kind of file."""


@dataclass(frozen=True, repr=False, eq=False)
class Safetensors(Weights):
    """Tensors of one or several files.

    Attributes
    ----------
    source, specs, metadata
        As of all weights.
    places
        Name -> file, and first byte of the data in it.
    """

    source: str
    specs: dict[str, Spec]
    metadata: dict[str, str]
    places: dict[str, tuple[Path, int]]

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        path, first = self.places[name]
        dtype = dtype_of(self.specs[name].type)
        found = np.empty(stop - start, dtype)
        with path.open("rb", buffering=0) as file:
            file.seek(first + start * dtype.itemsize)
            view = memoryview(found.view(np.uint8))
            while view:
                got = file.readinto(view)
                if not got:
                    raise _truncated(path, file.tell() + len(view), file.tell())
                view = view[got:]
        return found


def read_safetensors(path: Path) -> Safetensors:
    """A file, an index of shards, or a folder that holds either.

    Raises
    ------
    EvidenceError
        The header is broken, tensors overlap or leave gaps, data are missing at the end, or an
        index names what is not there.
    """
    path = _found(path)
    files = _shards(path) if path.suffix == ".json" else {path: None}
    specs: dict[str, Spec] = {}
    places: dict[str, tuple[Path, int]] = {}
    metadata: dict[str, str] = {}
    for file, wanted in files.items():
        header, first = _header(file)
        metadata |= _metadata(file, header.pop("__metadata__", {}))
        _check(file, header, first)
        _new_names(path, file, places, header)
        _same_names(path, file, wanted, set(header))
        for name, row in sorted(header.items(), key=lambda pair: pair[1]["data_offsets"]):
            specs[name] = Spec(row["dtype"], tuple(row["shape"]))
            places[name] = (file, first + row["data_offsets"][0])
    return Safetensors(str(path), specs, metadata, places)


def _found(path: Path) -> Path:
    """The file that stands for ``path``: in a folder its index, else its only file."""
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.safetensors.index.json")) or sorted(path.glob("*.safetensors"))
    if len(found) != 1:
        raise UsageError(
            "weights",
            f"{path} holds {len(found)} safetensors files and no index",
            do="Name the file",
        )
    return found[0]


def _shards(index: Path) -> dict[Path, set[str]]:
    """File -> names of the tensors that the index says it holds."""
    try:
        names = dict(json.loads(index.read_text("utf-8"))["weight_map"])
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError(
            "weights", f"{index} is no index of shards", do="Name the index, or one shard"
        ) from error
    files: dict[Path, set[str]] = {}
    for name, file in names.items():
        if not _beside(file):  # an index must not lead out of its folder
            raise EvidenceError("weights", f"{index} names '{file}'", do="Name files beside it")
        files.setdefault(index.parent / file, set()).add(name)
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise EvidenceError(
            "weights",
            f"{len(missing)} of {len(files)} shards of {index} are not there: {missing[0]}, ...",
            do="Fetch them first",
        )
    return dict(sorted(files.items()))


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Its header, and where its data begin."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length <= LONGEST else b""
    if not text or len(text) < length:
        raise EvidenceError(
            "weights",
            f"{path} is no safetensors file, or was cut off in its header",
            do="Fetch it again, or convert it",
        )
    try:
        header = json.loads(text, object_pairs_hook=_once)
        if not isinstance(header, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        raise EvidenceError(
            "weights", f"the header of {path} is no JSON object that names each tensor once",
            do="Fetch it again, or convert it",
        ) from error  # fmt: skip
    return header, 8 + length


def _check(path: Path, header: dict[str, Any], first: int) -> None:
    """Refuse tensors that are not where and as large as the header says."""
    end = 0
    rows = []
    for name, row in header.items():
        spec, low, high = _place(path, name, row)
        if high - low != spec.bytes:
            raise EvidenceError(
                "weights",
                f"{path} gives '{name}' ({spec.type} {spec.shape}) {high - low} bytes, "
                f"it needs {spec.bytes}",
                do="Fetch it again, or convert it",
            )
        rows.append((low, high, name))
    for low, high, name in sorted(rows):
        if low != end:
            raise EvidenceError(
                "weights",
                f"in {path} '{name}' begins at byte {low} and the tensor before ends at {end}",
                why="tensors must follow each other",
                do="Fetch it again, or convert it",
            )
        end = high
    size = path.stat().st_size
    if first + end > size:
        raise _truncated(path, first + end, size)
    if first + end < size:
        raise EvidenceError(
            "weights",
            f"{path} holds {size - first - end:,} bytes after its last tensor",
            do="Fetch it again, or convert it",
        )


def _place(path: Path, name: str, row: Any) -> tuple[Spec, int, int]:
    """What a row of a header says: the tensor, its first byte and the one after its last."""
    try:
        kind, shape, (low, high) = row["dtype"], row["shape"], row["data_offsets"]
        whole = all(type(number) is int and number >= 0 for number in (*shape, low, high))
        if not (isinstance(kind, str) and isinstance(shape, list) and whole):
            raise ValueError(row)
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(
            "weights", f"{path} says of '{name}': {str(row)[:200]}",
            do="Fetch it again, or convert it",
        ) from error  # fmt: skip
    return Spec(kind, tuple(shape)), low, high


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _metadata(path: Path, found: Any) -> dict[str, str]:
    if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
        return found
    raise EvidenceError(
        "weights", f"the metadata of {path} are no texts by name", do="Convert it again"
    )


def _beside(name: Any) -> bool:
    """Whether an index names a file in its own folder."""
    return isinstance(name, str) and name not in ("", "..") and not set(name) & set("/\\\0")


def _truncated(path: Path, wanted: int, size: int) -> EvidenceError:
    return EvidenceError(
        "weights",
        f"{path} is cut off: its header speaks of {wanted:,} bytes, it has {size:,}",
        do="Fetch it again",
    )


def _new_names(path: Path, file: Path, places: dict[str, Any], found: dict[str, Any]) -> None:
    twice = [name for name in found if name in places]
    if twice:
        raise EvidenceError(
            "weights",
            f"{path}: '{twice[0]}' is in {places[twice[0]][0].name} and in {file.name}",
            do="Fetch all again",
        )


def _same_names(path: Path, file: Path, wanted: set[str] | None, found: set[str]) -> None:
    missing = sorted((wanted or found) - found)
    if missing:
        raise EvidenceError(
            "weights",
            f"{path} says that {file.name} holds {len(missing)} tensors that it has not: "
            f"{', '.join(missing[:5])}",
            do="Fetch both again",
        )
