"""Checkpoints of other libraries as weights; nothing in them is run.

A torch checkpoint is a pickle, which may hold code. It is read with ``weights_only``: what needs
more than tensors, numbers and plain containers is refused.
"""

from __future__ import annotations

import importlib
import pickletools
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueup.core.errors import EvidenceError, MissingPackage
from trueup.core.weights.opened import array_of
from trueup.core.weights.view import Held


UNDER = ("state_dict", "model_state_dict", "model", "module")
"""Where training loops put a state dict, beside optimisers and counters."""

PLAIN = "Where it was made: torch.save(model.state_dict(), path), or save it as safetensors"


ZIP = b"PK\x03\x04"
NEEDED = re.compile(r"(?:GLOBAL|Unsupported class|Trying to call) (\w+(?:\.\w+)+)")
"""What the loader of torch says it would have to import."""


def of_torch(path: Path) -> Held:
    """Weights of a torch checkpoint: a state dict, or a dict that holds one.

    Files of today are mapped, so that a tensor is read when it is asked for; those of the old
    format are read at once.

    Raises
    ------
    EvidenceError
        The file needs code to be run, holds no tensors, or is broken.
    """
    found, told = _state(_unpickled(path), path), {}
    tensors = {name: value for name, value in found.items() if hasattr(value, "detach")}
    if not tensors:
        raise EvidenceError("weights", f"{path} holds no tensors by name", do=PLAIN)
    if left := [str(name) for name in found if name not in tensors]:
        told["left_out"] = ", ".join(left)
    arrays = {str(name): array_of(str(name), value) for name, value in tensors.items()}
    return Held(arrays, str(path), told)


def _unpickled(path: Path) -> Any:
    torch = _package("torch", path)
    with path.open("rb") as file:
        zipped = file.read(4) == ZIP
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols; what is odd is refused below
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped or None)
    except Exception as error:  # a broken pickle may raise anything
        raise _refused(path, " ".join(str(error).split()) or type(error).__name__) from error


def _refused(path: Path, text: str) -> EvidenceError:
    if "TorchScript" in text:
        return EvidenceError("weights", f"{path} is a TorchScript program", do=PLAIN)
    if (needed := NEEDED.search(text)) and not _cut_off(path):
        return EvidenceError(
            "weights",
            f"{path} cannot be read without running code that it names: {needed[1]}",
            why="a checkpoint of strangers could do anything",
            do=PLAIN,
        )
    text = text.split("WeightsUnpickler error:")[-1].split("Check the doc")[0].strip(" .")
    return EvidenceError(
        "weights",
        f"{path} is no torch checkpoint, or was cut off: {text[:120]}",
        do=f"Fetch it again. {PLAIN}",
    )


def _cut_off(path: Path) -> bool:
    """Whether a pickle that is no archive stops in the middle; its parts are read, never run."""
    with path.open("rb") as file:
        for _ in range(4):  # the old format: a number, a version, a machine, then the tensors
            if not file.peek(1) or file.peek(4)[:4] == ZIP:
                return False
            try:
                for _ in pickletools.genops(file):
                    pass
            except ValueError:
                return True
    return False


def _state(found: Any, path: Path) -> Mapping[Any, Any]:
    """The dict of tensors in what a file holds."""
    for key in UNDER:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            return _state(found[key], path)
    if not isinstance(found, Mapping):
        raise EvidenceError("weights", f"{path} holds a {type(found).__name__}", do=PLAIN)
    return found


def of_onnx(path: Path) -> Held:
    """Weights of an ONNX model: its initialisers, also those in files beside it.

    Raises
    ------
    EvidenceError
        The file is broken, or an initialiser is sparse or of a type without a name here.
    """
    onnx = _package("onnx", path)
    try:
        graph = onnx.load(path).graph
        arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    except Exception as error:  # the parser has errors of its own, which need onnx to be named
        text = " ".join(str(error).split()) or type(error).__name__
        raise EvidenceError(
            "weights", f"{path} is no ONNX model, or was cut off: {text[:400]}", do="Fetch it again"
        ) from error
    if graph.sparse_initializer:
        raise EvidenceError(
            "weights", f"{path} holds sparse initialisers", do="Export it with dense ones"
        )
    if not arrays:
        raise EvidenceError(
            "weights", f"{path} holds no initialisers", do="Export it with its parameters inside"
        )
    return Held({name: array_of(name, array) for name, array in arrays.items()}, str(path))


def _package(name: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackage(
            "weights", f"{path} is read with {name}, which is not here",
            do=f"pip install 'trueup[{name}]'",
        ) from error  # fmt: skip
