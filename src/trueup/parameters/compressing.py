"""A checkpoint to a smaller one: pruned or quantised, and compensated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import Weights, open_weights, save_weights
from trueup.core.weights.calibrated import calibrated_on
from trueup.core.weights.changed import Changed
from trueup.core.weights.packed import Packed
from trueup.core.weights.packings import Sparse
from trueup.core.weights.types import dtype_of
from trueup.parameters.compensation.compensate import Compensate
from trueup.parameters.matrices import errors, matrices
from trueup.parameters.pruning.prune import Prune
from trueup.parameters.quantisation.adaquant import AdaQuant
from trueup.parameters.quantisation.gptq import GPTQ
from trueup.parameters.quantisation.nearest import Nearest
from trueup.parameters.quantisation.quantise import Quantise


ROUNDINGS = {"nearest": Nearest, "gptq": GPTQ, "adaquant": AdaQuant}


@dataclass(frozen=True)
class Asked:
    """What is asked for, in the words of the command."""

    bits: int | None = None
    rounding: str = "nearest"
    group: int = 0
    prune: float | None = None
    criterion: str = "magnitude"
    pattern: str = "layer"
    compensate: str | None = None
    rank: int = 32
    calibration: str = ""
    arch: str = ""
    only: Sequence[str] = ()


@dataclass(frozen=True)
class Done:
    """What was written.

    Attributes
    ----------
    source
        What it was made of.
    before, after
        Bytes of the tensors as they were kept and as they are kept.
    matrices, tensors
        How many are packed, of how many.
    errors
        Layer -> relative squared error, of what ``measured`` says.
    notes
        What was done, a line each.
    """

    source: str
    before: int
    after: int
    matrices: int
    tensors: int
    errors: dict[str, float] = field(default_factory=dict)
    measured: str = ""
    notes: tuple[str, ...] = ()


def compress(source: str, out: str, asked: Asked) -> Done:
    """Compress the checkpoint ``source`` into the file ``out``."""
    _check(source, out, asked)
    weights = open_weights(source)
    if isinstance(weights, Packed):
        raise UsageError("compress", f"{source} is compressed", do="Use --decompress first")
    model: Any = weights
    inputs = read_inputs(asked.calibration) if asked.calibration else None
    if asked.arch:
        from trueup.adapters.network import Network

        model = Network.of(asked.arch, weights)
    names = list(asked.only) or None
    found = matrices("compress", model, inputs=inputs, names=names)
    tensors = [one.tensor for one in found]
    packed, notes = _packed(model, weights, inputs, tensors, asked)
    if asked.compensate:
        svd = asked.compensate == "svd"
        method = Compensate(rank=asked.rank, basis=asked.compensate)
        packed = method.fit(packed, model, inputs=None if svd else inputs, names=tensors)
        notes += (f"compensated: {asked.compensate}, rank {asked.rank}",)
    if inputs is not None:
        packed = replace(packed, facts=calibrated_on(inputs, metadata=packed.metadata))
    save_weights(packed, out)
    kept = [one for one in found if one.tensor in packed.tensors]
    measured = "outputs" if inputs is not None else "weights"
    return Done(
        source, weights.stored.bytes, packed.stored.bytes, len(packed.tensors), len(weights),
        errors(kept, packed), f"the layers' {measured}, relative", notes,
    )  # fmt: skip


def _check(source: str, out: str, asked: Asked) -> None:
    if (asked.bits is None) == (asked.prune is None and ":" not in asked.pattern):
        raise UsageError(
            "compress", "it is not said how, or twice", do="Pass one of --bits and --prune"
        )
    if asked.calibration and not asked.arch:
        raise UsageError(
            "--calibration", "weights alone cannot be run", do="Pass --arch module:function"
        )
    if asked.compensate and not asked.arch:
        raise UsageError("--compensate", "it needs the layers", do="Pass --arch module:function")
    if asked.compensate == "eora" and not asked.calibration:
        raise UsageError("--compensate", "eora needs inputs", do="Pass --calibration X.npz, or svd")
    if asked.rounding != "nearest" and (asked.bits is None or not asked.calibration):
        raise UsageError(
            "--rounding", f"{asked.rounding} looks at what layers are given",
            do="Pass --bits and --calibration X.npz",
        )  # fmt: skip
    _other(source, out)


def _other(source: str, out: str) -> None:
    if Path(out).exists() and Path(out).resolve() == Path(source).resolve():
        raise UsageError("--out", f"{out} is what is read", do="Name another file")


def _packed(
    model: Any, weights: Weights, inputs: Any, names: list[str], asked: Asked
) -> tuple[Packed, tuple[str, ...]]:
    if asked.bits is not None:
        return _quantised(model, weights, inputs, names, asked)
    share = 0.5 if asked.prune is None else asked.prune
    method = Prune(share=share, criterion=asked.criterion, pattern=asked.pattern)
    given = None if asked.criterion == "magnitude" else inputs
    found = method.fit(model, given, names=names)
    kept = sum(int(one.kept.sum()) for one in found.tensors.values())
    whole = sum(found.specs[name].size for name in found.tensors)
    said = f"pruned: {1 - kept / whole:.1%} by {asked.criterion}, {asked.pattern}"
    return _as_in_file(found, weights), (said,)


def _quantised(
    model: Any, weights: Weights, inputs: Any, names: list[str], asked: Asked
) -> tuple[Packed, tuple[str, ...]]:
    rounding = ROUNDINGS[asked.rounding]()
    method = Quantise(bits=asked.bits or 4, granularity=asked.group or "row", rounding=rounding,
                      clip=asked.rounding != "nearest")  # fmt: skip
    looks = asked.rounding != "nearest"
    found = method.fit(model if looks else weights, inputs if looks else None, names=names)
    scales = f"a scale for {asked.group} columns" if asked.group else "a scale a row"
    said = f"quantised: {asked.bits} bits, {scales}, {asked.rounding} rounding"
    return replace(found, rest=weights), (said,)


def _as_in_file(found: Packed, weights: Weights) -> Packed:
    """Pruned weights with the order and the types of the file, not those of a module's memory."""
    if found.rest is weights:
        return found
    tensors = {
        name: Sparse(one.shape, one.kept, one.numbers.astype(dtype_of(weights.specs[name].type)))
        for name, one in found.tensors.items()
    }
    changed = isinstance(found.rest, Changed)
    rest = Changed(weights, found.rest.arrays) if changed else weights
    return Packed(tensors, rest, found.facts)


def decompress(source: str, out: str) -> Done:
    """Write the compressed file ``source`` as plain weights."""
    _other(source, out)
    packed = open_weights(source)
    if not isinstance(packed, Packed):
        raise UsageError("--decompress", f"{source} is not compressed", do="Name a compressed file")
    save_weights(Plain(packed), out)
    return Done(source, packed.stored.bytes, packed.bytes, 0, len(packed), notes=("plain again",))


class Plain(Weights):
    """Packed weights as the plain ones that they read as."""

    def __init__(self, packed: Packed) -> None:
        self.packed, self.source, self.specs = packed, packed.source, packed.specs
        self.metadata = packed.metadata

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        return self.packed.read(name, start, stop)


def read_inputs(path: str) -> Any:
    """Inputs of a file: one array, or arrays by argument."""
    if not Path(path).exists():
        raise UsageError("--calibration", f"there is no {path}", do="Check the path")
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            arrays = {name: found[name] for name in found.files}
    except (ValueError, OSError) as error:
        raise EvidenceError(
            "--calibration", f"{path} cannot be read: {error}", do="Write arrays with numpy.savez"
        ) from error
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays
