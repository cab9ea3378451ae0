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
        metadata |= header.pop("__metadata__", {})
        _check(file, header, first)
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
        names = json.loads(index.read_text("utf-8"))["weight_map"]
    except (ValueError, KeyError) as error:
        raise EvidenceError(
            "weights", f"{index} is no index of shards", do="Name the index, or one shard"
        ) from error
    files: dict[Path, set[str]] = {}
    for name, file in names.items():
        if Path(file).name != file:  # an index must not lead out of its folder
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
        header = json.loads(text)
        assert isinstance(header, dict)
    except (ValueError, AssertionError) as error:
        raise EvidenceError(
            "weights", f"the header of {path} is no JSON object", do="Fetch it again, or convert it"
        ) from error
    return header, 8 + length


def _check(path: Path, header: dict[str, Any], first: int) -> None:
    """Refuse tensors that are not where and as large as the header says."""
    end = 0
    rows = []
    for name, row in header.items():
        try:
            spec, (low, high) = Spec(row["dtype"], tuple(row["shape"])), row["data_offsets"]
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(
                "weights", f"{path} says of '{name}': {row}", do="Fetch it again, or convert it"
            ) from error
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
    if first + end > path.stat().st_size:
        raise _truncated(path, first + end, path.stat().st_size)


def _truncated(path: Path, wanted: int, size: int) -> EvidenceError:
    return EvidenceError(
        "weights",
        f"{path} is cut off: its header speaks of {wanted:,} bytes, it has {size:,}",
        do="Fetch it again",
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
