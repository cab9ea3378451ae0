r"""PLeaS: models that were trained apart, merged by permutations and least squares.

First the neurons of every model are put in the order of the first model's. Then every layer is
solved, from the inputs on: with :math:`x` what the layer of the *merged* model is given, by the
layers that are solved already, and :math:`y_i` what that of model i gives on its own path,

.. math::

   \min_{W, b} \sum_{rows} \Big| W x + b - \sum_i w_i y_i \Big|^2
   + \rho\, \mathrm{tr}\big((W - \bar W)\, D\, (W - \bar W)'\big)

with :math:`\bar W = \sum_i w_i W_i` and D the mean variance of the numbers in x times the rows:
one symmetric solve a layer, of a convolution over the numbers under its window. Where a BatchNorm
takes what a layer gives, y is what comes out of it, and its scale and statistics are set so that
the merged one gives that.

Examples
--------
>>> import numpy as np, torch
>>> from trueup.parameters import merge, permuted
>>> _ = torch.manual_seed(0)
>>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
>>> rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
>>> other = permuted(net, {"0": np.array([2, 0, 3, 1])}, arch=net, on=rows)
>>> merged = merge([net, other], method=PLeaS(arch=net, on=rows))
>>> bool(np.allclose(merged["0.weight"], net[0].weight.detach().numpy(), atol=1e-5))
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.view import Held, Weights
from trueup.parameters.merging.average import Average
from trueup.parameters.merging.permute import align
from trueup.parameters.merging.rule import AbstractMerging, Combine
from trueup.parameters.merging.stack import Piece, Stack


if TYPE_CHECKING:
    from trueup.adapters.network import Layer, Network
    from trueup.adapters.neurons import Neurons


CARD = Card(
    name="PLeaS",
    question="parameters",
    family="merging",
    summary="merge of models trained apart: neurons aligned, then each layer by least squares",
    paper="Nasery, Hayase, Koh, Oh 2025, PLeaS: Merging Models with Permutations and Least "
    "Squares, CVPR, 2407.02447, sections 3.1 and 3.2",
    axes={"delta": "weights", "align": "permutation", "consensus": "least squares of activations"},
    mission=(70,),
    not_for="models of whose inputs there are no rows; modules that torch.fx cannot trace",
    cost="a run of all models on the rows for each layer, and O(d^3) for d inputs of a layer",
    needs=("torch",),
)


@dataclass(frozen=True)
class PLeaS(AbstractMerging):
    """Permutations, then least squares layer by layer.

    Parameters
    ----------
    arch
        The torch module of the models, a function that makes it, or ``"module:function"``.
    on
        Rows of inputs without labels; about a thousand.
    align
        ``"activations"`` or ``"weights"``: by what neurons are matched; ``"none"`` leaves them.
    ridge
        :math:`\\rho`, how much a layer is held to the average of weights, > 0.
    seed
        Of the order of groups, by weights.
    """

    arch: Any = field(repr=False)
    on: Any = field(repr=False)
    align: str = "activations"
    ridge: float = 3e-2
    seed: int = 0

    scope: ClassVar[str] = "model"

    def __post_init__(self) -> None:
        if self.align not in ("activations", "weights", "none"):
            raise UsageError(
                "PLeaS", f"align is '{self.align}'", do="Pass activations, weights or none"
            )
        if not self.ridge > 0:
            raise UsageError("PLeaS", f"ridge is {self.ridge}", do="Pass a number above 0")

    def ready(self, stack: Stack) -> Combine:
        made = self.merged(stack)

        def combine(piece: Piece) -> np.ndarray:
            stop = piece.start + piece.models.shape[1]
            return made.read(piece.name, piece.start, stop)

        return combine

    def merged(self, stack: Stack) -> Weights:
        """All tensors of the merged model."""
        first, *others = stack.models
        if self.align != "none":
            settings = {"arch": self.arch, "on": self.on, "by": self.align, "seed": self.seed}
            others = [align(other, first, **settings) for other in others]
        return least_squares((first, *others), stack.shares, self.arch, self.on, ridge=self.ridge)


def least_squares(
    models: Sequence[Weights], shares: np.ndarray, arch: Any, on: Any, *, ridge: float
) -> Weights:
    """Every layer of the merged model solved for the mean of what those of ``models`` give."""
    from trueup.adapters.network import Network
    from trueup.adapters.neurons import find_neurons

    nets = [Network.of(arch, model) for model in models]
    merged = Network.of(arch, averaged(models, shares))
    neurons = find_neurons(merged.module, on)
    for name in [n for n in neurons.layers if n in merged.layers]:
        sums = Sums.of(merged, nets, shares, neurons, name, on)
        _set(merged, neurons, name, sums, ridge)
    arrays = {name: merged.weights[name].copy() for name in merged.weights}
    return Held(arrays, "least squares")


def averaged(models: Sequence[Weights], shares: np.ndarray) -> Weights:
    """The average of models, as a start."""
    first = models[0]
    names = tuple(n for n, spec in first.specs.items() if spec.type.startswith(("F", "BF")))
    stack = Stack(tuple(models), names, None, shares)
    arrays = {name: first[name] for name in first}
    for name in names:
        only = stack.only(name)
        combine = Average().ready(only)
        parts = [combine(piece) for piece in only.pieces()]
        arrays[name] = np.concatenate(parts).reshape(first.specs[name].shape)
    return Held(arrays)


@dataclass
class Sums:
    """Sums over rows and places of a layer, by groups of channels.

    Attributes
    ----------
    xx, xy, x, y
        (g, d, d), (g, d, out), (g, d), (g, out) of inputs x and wanted outputs y.
    rows
        How many there are.
    """

    xx: Any
    xy: Any
    x: Any
    y: Any
    rows: int

    @classmethod
    def of(
        cls, merged: Network, nets: list[Network], shares: np.ndarray, neurons: Neurons, name: str,
        on: Any,
    ) -> Sums:  # fmt: skip
        """Those of a layer: inputs from the merged model, outputs wanted from all ``nets``."""
        from trueup.adapters.network import parts_of

        told = neurons.norms.get(name, name)
        total: Sums | None = None
        for part in parts_of(on, 256):
            layer = merged.layers[name]
            x = layer.columns(_met(merged, name, part, side="in"))
            y = sum(
                float(share) * _rows(layer, _met(net, told, part, side="out"))
                for net, share in zip(nets, shares, strict=True)
            )
            turned, n = x.transpose(1, 2), x.shape[1]
            made = (turned @ x, turned @ y, x.sum(1), y.sum(1))
            new = cls(*(one.double() for one in made), n)
            total = new if total is None else total + new
        if total is None:
            raise EvidenceError("PLeaS", "there are no rows", do="Pass rows of inputs")
        return total

    def __add__(self, other: Sums) -> Sums:
        names = ("xx", "xy", "x", "y", "rows")
        return Sums(*(getattr(self, n) + getattr(other, n) for n in names))

    def solve(self, prior: Any, ridge: float, *, free: bool) -> tuple[Any, Any]:
        """(g, out, d) and (g, out): weights held to ``prior``, and a ``free`` bias."""
        import torch

        n = self.rows
        mean_x, mean_y = self.x / n, self.y / n
        xx, xy = self.xx / n, self.xy / n
        if free:
            xx = xx - mean_x[:, :, None] * mean_x[:, None, :]
            xy = xy - mean_x[:, :, None] * mean_y[:, None, :]
        size = torch.diagonal(xx, dim1=1, dim2=2).mean(1)
        held = ridge * torch.where(size > 0, size, 1.0)[:, None, None]
        eye = torch.eye(xx.shape[1], dtype=xx.dtype)
        turned = prior.double().transpose(1, 2)
        w = torch.linalg.solve(xx + held * eye, xy + held * turned).transpose(1, 2)
        return w, mean_y - torch.einsum("god,gd->go", w, mean_x)


def _set(merged: Network, neurons: Neurons, name: str, sums: Sums, ridge: float) -> None:
    """Put the solution into a layer, and into the BatchNorm behind it."""
    import torch

    layer = merged.layers[name]
    module, norm = layer.module, neurons.norms.get(name)
    prior = torch.from_numpy(layer.matrix)
    after = dict(merged.module.named_modules())[norm] if norm else None
    if after is not None:  # what comes out of it is wanted: its scale is that of the weights now
        scale = after.weight / torch.sqrt(after.running_var + after.eps)
        prior = prior * scale.detach().reshape(prior.shape[0], -1, 1)
    w, b = sums.solve(prior, ridge, free=after is not None or module.bias is not None)
    with torch.no_grad():
        if after is None:
            layer.set_matrix(w.float().numpy())
            if module.bias is not None:
                module.bias.copy_(b.reshape(-1))
        else:
            _set_norm(layer, after, w, b, sums)


def _set_norm(layer: Layer, norm: Any, w: Any, b: Any, sums: Sums) -> None:
    """Weights w and a BatchNorm whose statistics are those of w x, and which adds b."""
    import torch

    mean = torch.einsum("god,gd->go", w, sums.x / sums.rows)
    second = torch.einsum("god,gde,goe->go", w, sums.xx / sums.rows, w)
    variance = (second - mean**2).clamp(min=0)
    layer.set_matrix(w.float().numpy())
    if layer.module.bias is not None:
        layer.module.bias.zero_()
    norm.running_mean.copy_(mean.reshape(-1))
    norm.running_var.copy_(variance.reshape(-1))
    norm.weight.copy_(torch.sqrt(variance.reshape(-1) + norm.eps))
    norm.bias.copy_((b + mean).reshape(-1))


def _met(net: Network, name: str, part: Any, *, side: str) -> Any:
    """What a module of ``net`` is given or gives on some rows; nothing behind it is run."""
    with _stopped(dict(net.module.named_modules())[name], side) as found:
        try:
            net.run(part)
        except _Enough:
            pass
    if not found:
        raise EvidenceError("PLeaS", f"rows do not come to '{name}'", do="Pass other rows")
    return found[0]


class _Enough(Exception):
    """What was looked for is there."""


@contextmanager
def _stopped(module: Any, side: str) -> Iterator[list]:
    found: list = []

    def keep(_: Any, given: tuple, out: Any = None) -> None:
        found.append((given[0] if out is None else out).detach())
        raise _Enough

    register: Callable = (
        module.register_forward_pre_hook if side == "in" else module.register_forward_hook
    )
    hook = register(keep)
    try:
        yield found
    finally:
        hook.remove()


def _rows(layer: Layer, value: Any) -> Any:
    """(g, n, out) what a layer gives, a row a place."""
    from torch import nn

    if isinstance(layer.module, nn.Linear):
        return value.reshape(1, -1, value.shape[-1])
    rows = value.movedim(1, -1).reshape(-1, layer.groups, value.shape[1] // layer.groups)
    return rows.transpose(0, 1)
