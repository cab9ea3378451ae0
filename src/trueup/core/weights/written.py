"""Weights to files, tensor by tensor, whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from trueup.core.errors import UsageError
from trueup.core.weights.types import dtype_of
from trueup.core.weights.view import Spec, Weights


Told = Callable[[int, int], Any]
"""Is told bytes done and bytes of all."""


def save_weights(
    weights: Weights, path: str | os.PathLike[str], *, shard: int = 0, told: Told | None = None
) -> list[Path]:
    """Write weights as safetensors, a piece at a time; nothing is left where it fails.

    Parameters
    ----------
    weights
        What to write; order, types and shapes stay.
    path
        A file ``.safetensors``; with ``shard`` a folder for the shards and their index.
    shard
        Bytes of a shard, about; 0 means one file.
    told
        Is called with bytes done and bytes of all.

    Returns
    -------
    list of Path
        The files of tensors that were written.
    """
    path, weights = Path(path), weights.stored
    if not shard and path.suffix != ".safetensors":
        raise UsageError(
            "save_weights", f"the file is '{path.name}'", do="Name a file that ends in .safetensors"
        )
    total, done = weights.bytes, 0

    def tell(size: int) -> None:
        nonlocal done
        done += size
        if told is not None:
            told(done, total)

    parts = _parts(weights.specs, shard) if shard else [list(weights)]
    if not shard:
        with whole(path) as file:
            _write(weights, parts[0], file, tell)
        return [path]
    path.mkdir(parents=True, exist_ok=True)
    names = [f"model-{i:05d}-of-{len(parts):05d}.safetensors" for i in range(1, len(parts) + 1)]
    with ExitStack() as together:  # the index is the last to appear, and all do or none
        index = together.enter_context(whole(path / "model.safetensors.index.json"))
        index.write(_index(dict(zip(names, parts, strict=True)), total))
        for name, part in zip(names, parts, strict=True):
            file = together.enter_context(whole(path / name))
            _write(weights, part, file, tell)
            _sync(file)
        _sync(index)
    return [path / name for name in names]


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when all of it is written, and not before.

    It is a new file beside ``path``; a full disk leaves what was there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            _sync(file)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def _write(weights: Weights, names: list[str], file: BinaryIO, tell: Callable[[int], None]) -> None:
    specs = {name: weights.specs[name] for name in names}
    file.write(header(specs, weights.metadata))
    for name, spec in specs.items():
        wanted, count = dtype_of(spec.type), 0
        for piece in weights.pieces(name):
            assert piece.dtype == wanted, (name, piece.dtype, wanted)
            file.write(np.ascontiguousarray(piece).view(np.uint8).data)
            count += piece.size
            tell(piece.nbytes)
        assert count == spec.size, (name, count, spec)


def header(specs: Mapping[str, Spec], metadata: Mapping[str, str]) -> bytes:
    """The header of a file, its length in front; the data then begin at a multiple of 8."""
    rows: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    end = 0
    for name, spec in specs.items():
        rows[name] = {"dtype": spec.type, "shape": list(spec.shape),
                      "data_offsets": [end, end + spec.bytes]}  # fmt: skip
        end += spec.bytes
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _parts(specs: Mapping[str, Spec], shard: int) -> list[list[str]]:
    """Names that go together into a shard; a larger tensor has one of its own."""
    parts: list[list[str]] = [[]]
    size = 0
    for name, spec in specs.items():
        if parts[-1] and size + spec.bytes > shard:
            parts.append([])
            size = 0
        parts[-1].append(name)
        size += spec.bytes
    return parts


def _index(parts: dict[str, list[str]], total: int) -> bytes:
    places = {name: file for file, names in parts.items() for name in names}
    made = {"metadata": {"total_size": total}, "weight_map": places}
    return json.dumps(made, indent=1).encode()
