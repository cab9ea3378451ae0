"""A torch module as a model of weights: it runs on rows, and its layers say what they are given.

Examples
--------
>>> import numpy as np, torch
>>> net = Network.of(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()))
>>> x = np.ones((5, 3), np.float32)
>>> net.run(x).shape, list(net.layers), net.seen(x)["0"].xx.shape
((5, 4), ['0'], (1, 3, 3))
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.view import Weights


Inputs = Any
"""Rows of inputs: an array (n, ...), a tuple of them, or a dict of them by argument."""

BATCH = 256
"""Rows that are run at a time."""
NAMED = 5
"""Tensors that an error names."""


@dataclass(frozen=True)
class Seen:
    """What a layer is given, summed over rows (and places of a sequence or an image).

    Attributes
    ----------
    xx
        (groups, d, d) sum of x x', of a convolution with x the numbers under its window.
    x
        (groups, d) sum of x.
    rows
        How many x there were.
    """

    xx: np.ndarray
    x: np.ndarray
    rows: int


@dataclass(frozen=True)
class Layer:
    """A layer whose weights are a matrix: of inputs, or of the numbers under a window.

    Attributes
    ----------
    name
        Its name in the module; the weights are ``name.weight`` and ``name.bias``.
    module
        The layer.
    """

    name: str
    module: Any

    @property
    def groups(self) -> int:
        """Into how many groups of channels a convolution falls."""
        return getattr(self.module, "groups", 1)

    @property
    def matrix(self) -> np.ndarray:
        """(groups, out, d) the weights."""
        weight = self.module.weight.detach().cpu().numpy()
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def set_matrix(self, matrix: np.ndarray) -> None:
        """Put other weights (groups, out, d) in."""
        weight = self.module.weight
        with torch.no_grad():
            weight.copy_(torch.from_numpy(np.ascontiguousarray(matrix)).reshape(weight.shape))

    def columns(self, x: torch.Tensor) -> torch.Tensor:
        """(groups, n, d) what the matrix is multiplied with, of an input of the layer."""
        if isinstance(self.module, nn.Linear):
            return x.reshape(1, -1, x.shape[-1])
        conv = self.module
        if isinstance(conv, nn.Conv1d):
            x = x.unsqueeze(-2)
        kernel, stride, dilation = (
            (1, *pair) if isinstance(conv, nn.Conv1d) else pair
            for pair in (conv.kernel_size, conv.stride, conv.dilation)
        )
        x = nn.functional.pad(x, _padding(conv), mode=_mode(conv))
        under = nn.functional.unfold(x, kernel, dilation=dilation, stride=stride)
        n, d, places = under.shape
        parts = under.reshape(n, self.groups, d // self.groups, places)
        return parts.permute(1, 0, 3, 2).reshape(self.groups, n * places, d // self.groups)


class Network:
    """A torch module that is run, never trained behind one's back.

    Parameters
    ----------
    module
        The module, which is used as it is.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module.eval()

    @classmethod
    def of(cls, arch: Any, weights: Any = None) -> Network:
        """A network of ``arch`` with ``weights``.

        Parameters
        ----------
        arch
            A module, a function that makes one, or ``"module:function"`` in the working folder.
        weights
            Anything that ``open_weights`` takes; None leaves those that ``arch`` comes with.

        Raises
        ------
        EvidenceError
            Names or shapes of the weights are not those of the module.
        """
        module = _made(arch)
        net = cls(deepcopy(module) if isinstance(arch, nn.Module) else module)
        return net if weights is None else net.load(open_weights(weights))

    def load(self, weights: Weights) -> Network:
        """Put ``weights`` in; every tensor of the module must be there, and no other."""
        own = self.module.state_dict()
        _same(own, weights)
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(_tensor(weights[name]))
        return self

    @property
    def weights(self) -> Weights:
        """Its weights now, not a copy."""
        return open_weights(self.module)

    @property
    def layers(self) -> dict[str, Layer]:
        """Name -> layer, of all whose weights are a matrix."""
        kinds = (nn.Linear, nn.Conv1d, nn.Conv2d)
        named = self.module.named_modules()
        return {name: Layer(name, m) for name, m in named if isinstance(m, kinds)}

    def run(self, inputs: Inputs, *, batch: int = BATCH) -> np.ndarray:
        """What the module gives for every row, (n, ...)."""
        return np.concatenate(list(self.batches(inputs, batch=batch)))

    def batches(self, inputs: Inputs, *, batch: int = BATCH) -> Iterator[np.ndarray]:
        """``run``, some rows at a time."""
        with torch.inference_mode():
            for part in parts_of(inputs, batch):
                yield _first(self._call(part)).float().cpu().numpy()

    def seen(
        self, inputs: Inputs, *, names: Sequence[str] | None = None, batch: int = BATCH
    ) -> dict[str, Seen]:
        """What layers are given when ``inputs`` are run: sums, whose memory is theirs alone.

        Places of a sequence that an input ``attention_mask`` says are filled up do not count.

        Parameters
        ----------
        inputs
            Rows to run.
        names
            Layers; None is all that ``inputs`` come to.
        batch
            Rows at a time.
        """
        found: dict[str, Seen] = {}
        mask: list[np.ndarray] = []

        def look(layer: Layer) -> Callable:
            def hook(module: nn.Module, given: tuple) -> None:
                columns = _unpadded(layer.columns(given[0].detach()), given[0], mask).float()
                xx = (columns.transpose(1, 2) @ columns).double().cpu().numpy()
                x = columns.sum(dim=1).double().cpu().numpy()
                old = found.get(layer.name)
                rows = columns.shape[1]
                found[layer.name] = (
                    Seen(old.xx + xx, old.x + x, old.rows + rows) if old else Seen(xx, x, rows)
                )

            return hook

        layers = self.layers
        wanted = list(layers) if names is None else names
        hooks = [layers[n].module.register_forward_pre_hook(look(layers[n])) for n in wanted]
        try:
            for part in parts_of(inputs, batch):
                mask[:] = [part["attention_mask"]] if _has_mask(part) else []
                next(self.batches(part, batch=batch))
        finally:
            for one in hooks:
                one.remove()
        return found

    def call(self, part: Any, tensors: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """What the module gives for rows with ``tensors`` in place of its own; gradients flow."""
        return _first(self._call(part, tensors)).float()

    def _call(self, part: Any, tensors: Mapping[str, torch.Tensor] | None = None) -> Any:
        device = next((p.device for p in self.module.parameters()), torch.device("cpu"))
        named = {k: _tensor(v).to(device) for k, v in part.items()} if _is_named(part) else {}
        given = () if named else part if isinstance(part, tuple) else (part,)
        rows = tuple(_tensor(v).to(device) for v in given)
        if tensors:
            return torch.func.functional_call(self.module, dict(tensors), rows, named)
        return self.module(*rows, **named)


def _is_named(part: Any) -> bool:
    return isinstance(part, Mapping)


def parts_of(inputs: Inputs, batch: int) -> Iterator[Any]:
    """``inputs``, ``batch`` rows at a time."""
    n = rows_of(inputs)
    for at in range(0, n, batch):
        rows = slice(at, at + batch)
        if isinstance(inputs, Mapping):
            yield {name: value[rows] for name, value in inputs.items()}
        else:
            yield tuple(v[rows] for v in inputs) if isinstance(inputs, tuple) else inputs[rows]


def rows_of(inputs: Inputs) -> int:
    """How many rows there are; all parts must have as many."""
    parts = inputs.values() if isinstance(inputs, Mapping) else inputs
    parts = list(parts) if isinstance(inputs, Mapping | tuple) else [inputs]
    lengths = {len(part) for part in parts}
    if len(lengths) != 1:
        raise EvidenceError(
            "inputs", f"parts have {sorted(lengths)} rows", do="Pass parts of as many rows"
        )
    return lengths.pop()


def _has_mask(part: Any) -> bool:
    return isinstance(part, Mapping) and "attention_mask" in part


def _unpadded(columns: torch.Tensor, x: torch.Tensor, mask: list) -> torch.Tensor:
    """Columns (groups, n, d) without places that are filled up, where ``x`` is of sequences."""
    if not mask or x.ndim < 3 or tuple(x.shape[:-1]) != tuple(mask[0].shape):
        return columns
    return columns[:, _tensor(mask[0]).reshape(-1).bool().to(columns.device)]


def _made(arch: Any) -> nn.Module:
    if isinstance(arch, str):
        arch = named(arch)
    found = arch if isinstance(arch, nn.Module) or not callable(arch) else arch()
    if not isinstance(found, nn.Module):
        raise UsageError(
            "arch",
            f"it is a {type(found).__name__}",
            do="Name a function that makes a torch module",
        )
    return found


def named(text: str) -> Any:
    """The object ``module:name`` in the working folder."""
    module, _, name = text.partition(":")
    if not name:
        raise UsageError("--arch", f"got '{text}'", do="Write module:function, such as net:build")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            "--arch", f"cannot find '{text}': {error}", do="Run from the folder of the module"
        ) from error
    finally:
        sys.path.pop(0)


def _same(own: Mapping[str, torch.Tensor], weights: Weights) -> None:
    missing, extra = [n for n in own if n not in weights], [n for n in weights if n not in own]
    shapes = [
        f"{name} {tuple(own[name].shape)} and {weights.specs[name].shape}"
        for name in own
        if name in weights and tuple(own[name].shape) != weights.specs[name].shape
    ]
    said = [
        f"{len(names)} {what}: {', '.join(names[:NAMED])}"
        for what, names in (("missing", missing), ("not in it", extra), ("of other shape", shapes))
        if names
    ]
    if said:
        raise EvidenceError(
            "weights",
            f"{weights.source} is not of this module; tensors {'; '.join(said)}",
            do="Name the module that the weights were made with",
        )


def _tensor(value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(np.ascontiguousarray(array).reshape(-1).reshape(array.shape))


def _first(given: Any) -> torch.Tensor:
    """The tensor of what a module gives: its logits, or the first of several."""
    if isinstance(given, torch.Tensor):
        return given
    if hasattr(given, "logits"):
        return given.logits
    return _first(given[0])


def _padding(conv: Any) -> tuple[int, ...]:
    """Numbers that ``pad`` takes: from the last dimension to the first, before and after."""
    if isinstance(conv, nn.Conv1d):
        (p,) = conv._reversed_padding_repeated_twice[:1]
        q = conv._reversed_padding_repeated_twice[1]
        return (p, q, 0, 0)
    return tuple(conv._reversed_padding_repeated_twice)


def _mode(conv: Any) -> str:
    return "constant" if conv.padding_mode == "zeros" else conv.padding_mode
