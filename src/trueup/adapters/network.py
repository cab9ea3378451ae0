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

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn

from trueup.adapters.inputs import Inputs, parts_of, rows_of, tensor_of
from trueup.adapters.layers import Layer, Seen
from trueup.adapters.named import module_of
from trueup.core.errors import EvidenceError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.view import Weights


BATCH = 256
"""Rows that are run at a time."""
NAMED = 5
"""Tensors that an error names."""

__all__ = ["BATCH", "Inputs", "Layer", "Network", "Seen", "parts_of", "rows_of"]


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
        module = module_of(arch)
        net = cls(deepcopy(module) if isinstance(arch, nn.Module) else module)
        return net if weights is None else net.load(open_weights(weights))

    def load(self, weights: Weights) -> Network:
        """Put ``weights`` in; every tensor of the module must be there, and no other.

        Buffers that the module makes by itself may be there: files of older versions hold them.
        """
        own = self.module.state_dict()
        _same(own, weights, free={name for name, _ in self.module.named_buffers()})
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(tensor_of(weights[name]))
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
        named = {k: tensor_of(v).to(device) for k, v in part.items()} if _is_named(part) else {}
        given = () if named else part if isinstance(part, tuple) else (part,)
        rows = tuple(tensor_of(v).to(device) for v in given)
        if tensors:
            return torch.func.functional_call(
                self.module, dict(tensors), rows, named, tie_weights=False
            )
        return self.module(*rows, **named)


def _is_named(part: Any) -> bool:
    return isinstance(part, Mapping)


def _has_mask(part: Any) -> bool:
    return isinstance(part, Mapping) and "attention_mask" in part


def _unpadded(columns: torch.Tensor, x: torch.Tensor, mask: list) -> torch.Tensor:
    """Columns (groups, n, d) without places that are filled up, where ``x`` is of sequences."""
    if not mask or x.ndim < 3 or tuple(x.shape[:-1]) != tuple(mask[0].shape):
        return columns
    return columns[:, tensor_of(mask[0]).reshape(-1).bool().to(columns.device)]


def _same(own: Mapping[str, torch.Tensor], weights: Weights, *, free: set[str]) -> None:
    missing = [name for name in own if name not in weights]
    extra = [name for name in weights if name not in own and name not in free]
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


def _first(given: Any) -> torch.Tensor:
    """The tensor of what a module gives: its logits, or the first of several."""
    if isinstance(given, torch.Tensor):
        return given
    if hasattr(given, "logits"):
        return given.logits
    return _first(given[0])
