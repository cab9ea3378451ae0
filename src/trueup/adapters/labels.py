"""Labels of neurons that run through a traced module beside its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import fx, nn


FIXED = 0
"""The label of what keeps its place."""

POOL = re.compile(r"_?(?:adaptive_)?(?:avg|max|lp)_?pool([123])d", re.I)
ALONE = frozenset(
    "relu relu_ gelu tanh tanh_ sigmoid sigmoid_ silu silu_ elu leaky_relu leakyrelu hardtanh "
    "hardswish hardsigmoid hardshrink relu6 selu celu softplus softsign mish threshold logsigmoid "
    "dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout alphadropout identity "
    "add add_ iadd radd sub sub_ isub mul mul_ imul div div_ truediv itruediv neg pow exp sqrt "
    "rsqrt square abs clamp clip float to type contiguous clone detach "
    "softmax log_softmax logsoftmax".split()
)
"""Functions, methods and modules that work on every number, or on all of an axis alike."""
SHAPES = frozenset(
    "flatten reshape view permute transpose unsqueeze squeeze getitem cat concat stack chunk split "
    "expand movedim swapaxes unflatten".split()
)
OVER = frozenset({"softmax", "log_softmax", "logsoftmax"})
MEANS = frozenset({"mean", "sum"})


@dataclass
class Tied:
    """An axis of a tensor (or of a value that is judged as a whole) and the labels along it."""

    names: tuple[str, ...]
    axis: int
    labels: np.ndarray


@dataclass
class Shown:
    """A layer whose input or output shows labels along an axis."""

    layer: str
    side: str
    axis: int
    labels: np.ndarray


class Labels(fx.Interpreter):
    """Runs a traced module, and the labels of all that it computes.

    Parameters
    ----------
    traced
        The module.
    names
        Number of a tensor -> its names in the state dict.
    """

    def __init__(self, traced: fx.GraphModule, names: dict[int, list[str]]) -> None:
        super().__init__(traced, garbage_collect_values=False)
        self.names = names
        self.of: dict[fx.Node, Any] = {}
        self.count = 1
        self.joined: list[np.ndarray] = []
        self.ties: dict[tuple, Tied] = {}
        self.probes: list[Shown] = []
        self.reasons: list[str] = []
        self.layers: list[str] = []
        self.norms: dict[str, str] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run a node, then its labels."""
        result = super().run_node(n)
        self.of[n] = self._labels(n, result)
        return result

    def fresh(self, size: int) -> torch.Tensor:
        """Labels that nobody has."""
        self.count += size
        return torch.arange(self.count - size, self.count)

    def join(self, one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        """Make labels one, number by number."""
        a, b = torch.broadcast_tensors(one, two)
        pairs = np.stack([a.reshape(-1).numpy(), b.reshape(-1).numpy()])
        self.joined.append(np.unique(pairs[:, pairs[0] != pairs[1]], axis=1))
        return a

    def fix(self, labels: torch.Tensor, why: str = "") -> None:
        """Keep neurons in their order."""
        if labels.any():
            self.join(labels.unique(), torch.zeros(1, dtype=torch.int64))
            if why and why not in self.reasons:
                self.reasons.append(why)

    def tie(self, tensor: torch.Tensor | None, axis: int, labels: torch.Tensor) -> None:
        """Say that ``labels`` lie along an axis of a tensor."""
        if tensor is None:
            return
        key = (id(tensor), axis)
        if key in self.ties:
            self.join(torch.from_numpy(self.ties[key].labels), labels)
        elif id(tensor) in self.names:
            self.ties[key] = Tied(tuple(self.names[id(tensor)]), axis, labels.numpy())
        else:
            self.fix(labels, "a tensor that is not saved with the module")

    def made(self, tensor: torch.Tensor, axis: int) -> torch.Tensor:
        """Labels along an axis of the weights that make them."""
        key = (id(tensor), axis)
        if key not in self.ties:
            self.tie(tensor, axis, self.fresh(tensor.shape[axis]))
        return torch.from_numpy(self.ties[key].labels)

    def together(self, key: Any, labels: torch.Tensor) -> None:
        """Say that ``labels`` are judged together, and others are not among them."""
        self.ties[("together", key)] = Tied((), 0, labels.numpy())

    def vector(self, labels: torch.Tensor, axis: int, why: str) -> torch.Tensor:
        """Labels along ``axis`` where they are the same everywhere else; else all are fixed."""
        rows = labels.movedim(axis, -1).reshape(-1, labels.shape[axis])
        if (rows == rows[0]).all():
            return rows[0].clone()
        self.fix(labels, why)
        return torch.zeros(labels.shape[axis], dtype=torch.int64)

    def show(self, layer: str, side: str, axis: int, labels: torch.Tensor) -> None:
        """Remember where labels can be seen."""
        self.probes.append(Shown(layer, side, axis, labels.numpy()))

    def given(self, node: fx.Node) -> Iterator[torch.Tensor]:
        """Labels of all tensors that a node is given."""
        for other in node.all_input_nodes:
            yield from _tensors(self.of[other])

    def unknown(self, node: fx.Node, result: Any) -> Any:
        """Fix all that comes to an operation that is not known."""
        for labels in self.given(node):
            self.fix(labels, f"{node.target if node.op == 'call_module' else _name(node)} "
                             f"({_kind(self, node)}) is not known")  # fmt: skip
        return _zeros(result)

    def _labels(self, node: fx.Node, result: Any) -> Any:
        if node.op == "output":
            for labels in self.given(node):
                self.fix(labels)
            return None
        if not any(True for _ in _tensors(result)):
            return None
        if node.op in ("placeholder", "get_attr"):
            return _zeros(result)
        if node.op == "call_module":
            from trueup.adapters.label_rules import of_module

            self.layers.append(str(node.target))
            return of_module(self, node, result)
        return self._function(node, _name(node), result)

    def _function(self, node: fx.Node, name: str, result: Any) -> Any:
        if name in SHAPES:
            return self._same(node)
        if name in ALONE:
            return self.alone(node, name, result)
        if name in MEANS:
            return self._mean(node, result)
        if pool := POOL.match(name):
            return self.pooled(node, result, int(pool[1]))
        return self.padded(node, result) if name in ("pad", "_pad") else self.unknown(node, result)

    def _same(self, node: fx.Node) -> Any:
        """What an operation does to shapes, done to labels."""
        args, kwargs = (fx.node.map_arg(a, self._either) for a in (node.args, node.kwargs))
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        assert callable(node.target)
        return node.target(*args, **kwargs)

    def _either(self, node: fx.Node) -> Any:
        labels = self.of[node]
        if isinstance(labels, torch.Tensor):
            return labels.contiguous()  # a spread vector has no strides that view could use
        return self.env[node] if labels is None else labels

    def alone(self, node: fx.Node, name: str, result: torch.Tensor) -> torch.Tensor:
        """Labels after an operation on every number: those of all that meet become one."""
        saved = [n for n in node.all_input_nodes if n.op == "get_attr"]
        found = torch.zeros(result.shape, dtype=torch.int64)
        others = [n for n in node.all_input_nodes if n not in saved]
        for place, labels in enumerate(t for n in others for t in _tensors(self.of[n])):
            spread = torch.broadcast_to(labels, result.shape)
            found = self.join(spread, found) if place else spread
        for other in saved:
            self._with_saved(node, self.env[other], found)
        if name in OVER:
            self.together(node, found.unique())
        return found

    def _with_saved(self, node: fx.Node, saved: torch.Tensor, labels: torch.Tensor) -> None:
        """A saved tensor meets neurons: it lies along them where they lie along one axis."""
        axes = varying(labels)
        if len(axes) > 1:
            self.fix(labels, f"{_name(node)} joins a tensor of the module with several axes")
        for axis in axes[:1]:
            own = axis - labels.ndim + saved.ndim
            if len(axes) == 1 and own >= 0 and saved.shape[own] > 1:
                why = f"{_name(node)} joins a tensor of the module"
                self.tie(saved, own, self.vector(labels, axis, why))

    def _mean(self, node: fx.Node, result: torch.Tensor) -> Any:
        (labels, *_), value = list(self.given(node)), self.env[node.all_input_nodes[0]]
        dims = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
        dims = [dims] if isinstance(dims, int) else dims
        if dims is None or set(varying(labels)) & {int(d) % value.ndim for d in dims}:
            return self.unknown(node, result)
        return labels.amax(tuple(dims)).reshape(result.shape)

    def pooled(self, node: fx.Node, result: Any, k: int) -> Any:
        """Labels after pooling over the last ``k`` axes."""
        (labels, *_) = self.given(node)
        if not isinstance(result, torch.Tensor) or set(varying(labels)) & {*range(-k, 0)} | {
            a for a in varying(labels) if a >= labels.ndim - k
        }:
            return self.unknown(node, result)
        return labels[(..., *[slice(0, 1)] * k)].expand(result.shape)

    def padded(self, node: fx.Node, result: torch.Tensor) -> Any:
        """Labels after padding with a constant: new ones along the axes of neurons."""
        (labels, *_) = self.given(node)
        sizes = node.kwargs.get("pad", node.args[1] if len(node.args) > 1 else ())
        mode = node.kwargs.get("mode", node.args[2] if len(node.args) > 2 else "constant")
        if mode != "constant" or not all(isinstance(s, int) and s >= 0 for s in sizes):
            return self.unknown(node, result)
        along = varying(labels)
        for i in range(len(sizes) // 2):
            axis = labels.ndim - 1 - i
            ends = [self._end(labels, axis, n, new=axis in along) for n in sizes[2 * i : 2 * i + 2]]
            labels = torch.cat([ends[0], labels, ends[1]], axis)
        return labels

    def _end(self, labels: torch.Tensor, axis: int, n: int, *, new: bool) -> torch.Tensor:
        shape = [n if a == axis else s for a, s in enumerate(labels.shape)]
        first = labels.narrow(axis, 0, 1)
        return spread(self.fresh(n), axis, shape) if new else first.expand(shape)


def varying(labels: torch.Tensor) -> list[int]:
    """Axes along which labels differ."""
    return [axis for axis in range(labels.ndim) if not (labels == labels.narrow(axis, 0, 1)).all()]


def spread(vector: torch.Tensor, axis: int, shape: Any) -> torch.Tensor:
    """Labels of a value: those of ``vector`` along an axis, everywhere alike."""
    view = [1] * len(shape)
    view[axis] = -1
    return vector.reshape(view).expand(tuple(shape))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _tensors(one)


def _zeros(result: Any) -> Any:
    if isinstance(result, torch.Tensor):
        return torch.zeros(result.shape, dtype=torch.int64)
    parts: Callable = list if isinstance(result, list) else tuple
    return parts(map(_zeros, result)) if isinstance(result, tuple | list) else None


def _name(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", node.target))


def _kind(labels: Labels, node: fx.Node) -> str:
    found = labels.fetch_attr(str(node.target)) if node.op == "call_module" else node.target
    return type(found).__name__ if isinstance(found, nn.Module) else str(node.op)
