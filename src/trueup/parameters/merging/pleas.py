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
>>> other = permuted(net, {"0": np.array([2, 0, 3, 1])}, arch=net, inputs=rows)
>>> merged = merge([net, other], method=PLeaS(arch=net, inputs=rows))
>>> bool(np.allclose(merged["0.weight"], net[0].weight.detach().numpy(), atol=1e-5))
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.weights.view import Held, Weights
from trueup.parameters.merging.average import Average
from trueup.parameters.merging.layerwise import Sums, Wanted
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
    inputs
        Rows of inputs without labels; about a thousand.
    align
        ``"activations"`` or ``"weights"``: by what neurons are matched; ``"none"`` leaves them.
    ridge
        :math:`\\rho`, how much a layer is held to the average of weights, > 0.
    seed
        Of the order of groups, by weights.
    """

    arch: Any = field(repr=False)
    inputs: Any = field(repr=False)
    align: str = "activations"
    ridge: float = 3e-2
    seed: int = 0

    aligns: ClassVar[bool] = True
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
            others = [
                align(
                    other, first, arch=self.arch, inputs=self.inputs, by=self.align, seed=self.seed
                )
                for other in others
            ]
        return least_squares(
            (first, *others), stack.shares, self.arch, self.inputs, ridge=self.ridge
        )


def least_squares(
    models: Sequence[Weights], shares: np.ndarray, arch: Any, inputs: Any, *, ridge: float
) -> Weights:
    """Every layer of the merged model solved for the mean of what those of ``models`` give."""
    from trueup.adapters.network import Network
    from trueup.adapters.neurons import find_neurons

    nets = [Network.of(arch, model) for model in models]
    merged = Network.of(arch, averaged(models, shares))
    neurons = find_neurons(merged.module, inputs)
    names = [n for n in neurons.layers if n in merged.layers]
    wanted = Wanted(nets, shares, {n: neurons.norms.get(n, n) for n in names}, inputs)
    for name in names:
        _set(merged, neurons, name, Sums.of(merged, wanted, name), ridge)
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
