"""Weights from anything that holds them."""

from __future__ import annotations

import importlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.packed import opened
from trueup.core.weights.safetensors import read_safetensors
from trueup.core.weights.types import SHORT, name_of
from trueup.core.weights.view import Held, Weights


CHECKPOINTS = "trueup.adapters.checkpoints"
READERS = {
    ".safetensors": (__name__, "of_safetensors"), ".json": (__name__, "of_safetensors"),
    "": (__name__, "of_safetensors"), ".npz": (__name__, "of_archive"),
    ".pt": (CHECKPOINTS, "of_torch"), ".pth": (CHECKPOINTS, "of_torch"),
    ".bin": (CHECKPOINTS, "of_torch"), ".ckpt": (CHECKPOINTS, "of_torch"),
    ".th": (CHECKPOINTS, "of_torch"), ".onnx": (CHECKPOINTS, "of_onnx"),
}  # fmt: skip
"""Suffix -> module and function that read it; "" is a folder."""


def open_weights(source: Any, *, name: str = "") -> Weights:
    """A view of the weights of ``source``.

    Parameters
    ----------
    source
        A path: safetensors (a file, an index of shards, a folder), a torch state dict (``.pt``,
        ``.pth``, ``.bin``: read without running anything in it), ``.onnx``, ``.npz``; or a mapping
        of names to arrays or tensors; or a torch module; or ``Weights``.
    name
        What to call weights that lie in memory.

    Raises
    ------
    UsageError
        No such file, or a kind that holds no weights.
    EvidenceError
        The file is broken, or needs code of others to be run.

    Examples
    --------
    >>> open_weights({"w": np.ones(3)})["w"]
    array([1., 1., 1.])
    """
    if isinstance(source, Weights):
        return source
    if isinstance(source, str | os.PathLike):
        return _of_path(Path(source))
    if hasattr(source, "state_dict"):
        source, name = source.state_dict(), name or type(source).__name__
    if isinstance(source, Mapping):
        return Held({key: array_of(key, value) for key, value in source.items()}, name or "memory")
    raise UsageError(
        "open_weights",
        f"got {type(source).__name__}",
        do="Pass a path, a state dict, a torch module, or a mapping of names to arrays",
    )


def _of_path(path: Path) -> Weights:
    if not path.exists():
        raise UsageError("weights", f"there is no {path}", do="Check the path")
    suffix = "" if path.is_dir() else path.suffix.lower()
    if suffix not in READERS:
        known = ", ".join(key for key in READERS if key)
        raise UsageError("weights", f"'{path.name}' is no known kind", do=f"Use one of {known}")
    module, function = READERS[suffix]
    return getattr(importlib.import_module(module), function)(path)


def of_safetensors(path: Path) -> Weights:
    """Weights of a safetensors file, index or folder."""
    return opened(read_safetensors(path))


def of_archive(path: Path) -> Weights:
    """Weights of an archive ``.npz``, without objects."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return Held({name: array_of(name, file[name]) for name in file.files}, str(path))
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, EvidenceError):
            raise
        raise EvidenceError(
            "weights", f"{path} cannot be read: {error}", do="Write arrays with numpy.savez"
        ) from error


def array_of(name: str, value: Any) -> np.ndarray:
    """A tensor as an array that shares its memory where it can."""
    if hasattr(value, "detach"):
        value = _untorched(name, value.detach())
    found = np.asarray(value)
    try:
        name_of(found.dtype)
    except EvidenceError:
        raise EvidenceError(
            "open_weights",
            f"'{name}' is a {type(value).__name__} of type {found.dtype}",
            do="Pass arrays or tensors of numbers",
        ) from None
    return found


def _untorched(name: str, tensor: Any) -> np.ndarray:
    """An array of a tensor, of types too that NumPy knows by another package alone."""
    if tensor.is_sparse or tensor.is_quantized or tensor.is_meta or tensor.is_nested:
        raise EvidenceError(
            "open_weights",
            f"'{name}' is a tensor that is sparse, quantised, nested or empty of memory",
            do="Make it dense and of real numbers",
        )
    tensor = tensor.cpu().contiguous().resolve_neg().resolve_conj()
    kind = str(tensor.dtype).removeprefix("torch.")
    if kind not in SHORT.values():
        return tensor.numpy()
    import ml_dtypes

    torch = importlib.import_module("torch")
    plain = torch.int16 if tensor.itemsize == 2 else torch.uint8
    return tensor.view(dtype=plain).numpy().view(getattr(ml_dtypes, kind))
