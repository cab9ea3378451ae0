r"""Alignment: the neurons of a model in the order of those of another, before they are merged.

Hidden neurons have no order of their own: W2 P' relu(P W1 x) is W2 relu(W1 x) for a permutation P.
Two models that were trained apart agree on what they compute and not on which neuron does it, and
the average of their weights computes neither.

*By activations*: for each group of neurons the order that maximises the sum over neurons of the
correlation of what they say on the same rows, over all layers that show it. *By weights*: the
orders that maximise the product of the weights of both models, group after group, until nothing
changes:

.. math::  \max_P \sum_{places} \langle A, P B \rangle

Both are assignment problems, solved exactly for a group.

Examples
--------
>>> import numpy as np, torch
>>> _ = torch.manual_seed(0)
>>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
>>> rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
>>> other = permuted(net, {"0": np.array([2, 0, 3, 1])}, arch=net, on=rows)
>>> aligned = align(other, net, arch=net, on=rows)
>>> bool((aligned["0.weight"] == net[0].weight.detach().numpy()).all())
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.view import Spec, Weights
from trueup.parameters.merging.matching import match_activations, match_weights


if TYPE_CHECKING:
    from trueup.adapters.neurons import Neurons


__all__ = ["Aligned", "align", "permuted"]

CARD = Card(
    name="align",
    question="parameters",
    family="merging",
    summary="neurons of a model in the order of another's, so that their weights can be averaged",
    paper="Li et al. 2016, Convergent Learning, 1511.07543 (activations); Ainsworth, Hayase, "
    "Srinivasa 2023, Git Re-Basin, ICLR, 2209.04836, section 3 (weights)",
    axes={"align": "permutation"},
    mission=(70,),
    exports=("Aligned", "align", "permuted"),
    not_for="models that were fine-tuned from one start: their neurons are in one order already",
    cost="a run of both on the rows, and O(n^3) for a group of n neurons",
    needs=("torch",),
)


@dataclass(frozen=True, repr=False, eq=False)
class Aligned(Weights):
    """A model whose neurons stand in another order, made when it is read.

    Attributes
    ----------
    source, specs, metadata
        As of all weights.
    model
        The model as it was.
    orders
        Group -> (size,) which neuron of the model stands in each place.
    matches
        Group -> (size,) how alike neurons in the same place are: correlations, or cosines of
        weights; empty where orders were given.
    fixed
        What kept neurons in their order, a sentence each.
    """

    source: str
    specs: dict[str, Spec]
    metadata: dict[str, str]
    model: Weights
    orders: dict[str, np.ndarray]
    moves: dict[str, dict[int, list]]
    matches: dict[str, np.ndarray] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    _last: dict[str, np.ndarray] = field(default_factory=dict)

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor; the tensor is held as a whole."""
        from trueup.adapters.neurons import moved

        if name not in self.moves:
            return self.model.read(name, start, stop)
        if name not in self._last:
            self._last.clear()  # tensors come one after another
            self._last[name] = np.ascontiguousarray(moved(self.model[name], self.moves[name]))
        return self._last[name].reshape(-1)[start:stop]


def align(
    model: Any, to: Any, *, arch: Any, on: Any, by: str = "activations", seed: int = 0
) -> Aligned:
    """The neurons of ``model`` in the order of those of ``to``; what it computes stays.

    Use it before a merge of models that were trained apart: ``merge([a, align(b, a, ...)])``.

    Parameters
    ----------
    model, to
        Anything that ``open_weights`` takes.
    arch
        The torch module of both, a function that makes it, or ``"module:function"``.
    on
        Rows of inputs without labels; a few hundred do. By weights two rows suffice, to trace with.
    by
        ``"activations"`` or ``"weights"``; activations are far better where there are rows.
    seed
        Of the order of groups, by weights.

    Returns
    -------
    Aligned
        Weights; ``matches`` says how alike the neurons now are.

    Raises
    ------
    UsageError
        The module cannot be traced, or ``by`` is another word.
    """
    from trueup.adapters.network import Network
    from trueup.adapters.neurons import find_neurons

    if by not in ("activations", "weights"):
        raise UsageError("align", f"by is '{by}'", do="Pass activations or weights")
    own, other = open_weights(model, name="model"), open_weights(to, name="to")
    nets = Network.of(arch, own), Network.of(arch, other)
    neurons = find_neurons(nets[0].module, on)
    if by == "activations":
        orders, matches = match_activations(nets[0], nets[1], neurons, on)
    else:
        orders, matches = match_weights(own, other, neurons, seed=seed)
    return _aligned(own, neurons, orders, matches)


def permuted(model: Any, orders: Mapping[str, Any], *, arch: Any, on: Any) -> Aligned:
    """``model`` with its neurons in other ``orders``: group -> which neuron stands in each place.

    Groups that are not named keep their order. ``arch`` and ``on`` are as of ``align``.
    """
    from trueup.adapters.network import Network
    from trueup.adapters.neurons import find_neurons

    own = open_weights(model, name="model")
    neurons = find_neurons(Network.of(arch, own).module, on)
    sizes = {group.name: group.size for group in neurons.groups}
    for name, order in orders.items():
        if name not in sizes or sorted(order) != list(range(sizes[name])):
            raise UsageError(
                "permuted", f"'{name}' has an order of {len(order)}",
                do=f"Order all neurons of one of {sizes}",
            )  # fmt: skip
    all_orders = {n: np.asarray(orders.get(n, np.arange(size))) for n, size in sizes.items()}
    return _aligned(own, neurons, all_orders, {})


def _aligned(own: Weights, neurons: Neurons, orders: dict, matches: dict) -> Aligned:
    moves = neurons.moves(orders)
    told = {**own.metadata, "aligned_from": own.source}
    specs = dict(own.specs)
    return Aligned(
        f"{own.source}, aligned", specs, told, own, orders, moves, matches, neurons.fixed
    )
