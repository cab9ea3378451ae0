"""Which axes of which tensors of a module are the same neurons.

The module is traced with torch.fx and run on two rows. Beside every value run the labels of its
numbers: the neuron that each belongs to. A layer gives its outputs new labels, a sum of two values
makes their labels one, and so do weights that are used twice. Labels that no layer can tell apart
are one group: its neurons may be put into another order and the module gives what it gave.

What is not known keeps its order: labels that come to it are fixed, and it is named.

Examples
--------
>>> import numpy as np, torch
>>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
>>> found = find_neurons(net, np.ones((2, 3), np.float32))
>>> [(g.name, g.size, [(p.tensor, p.axis) for p in g.places]) for g in found.groups]
[('0', 4, [('0.weight', 0), ('0.bias', 0), ('2.weight', 1)])]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import fx, nn

from trueup.adapters.labels import FIXED, Labels, Tied
from trueup.adapters.network import parts_of, rows_of
from trueup.core.errors import EvidenceError, UsageError


ROWS = 2
"""Rows that the module is traced with: more than one, so that rows are not taken for channels."""


@dataclass(frozen=True)
class Place:
    """An axis of a tensor along which neurons lie.

    Attributes
    ----------
    tensor, axis
        Its name in the state dict, and which axis.
    positions
        (size, times) where the numbers of each neuron are: several after a flattening.
    """

    tensor: str
    axis: int
    positions: np.ndarray


@dataclass(frozen=True)
class Probe:
    """A layer that shows what neurons say.

    Attributes
    ----------
    layer, side
        Name of the module; ``"in"`` or ``"out"``, whether they are its inputs or outputs.
    axis
        Of that value: 1, or the last one (-1).
    positions
        (size, times) as of a place.
    """

    layer: str
    side: str
    axis: int
    positions: np.ndarray


@dataclass(frozen=True)
class Group:
    """Neurons that may change places with each other.

    Attributes
    ----------
    name
        The first layer that makes them.
    size
        How many there are.
    places
        Axes of tensors along which they lie.
    probes
        Layers that show what they say.
    """

    name: str
    size: int
    places: tuple[Place, ...]
    probes: tuple[Probe, ...] = ()


@dataclass(frozen=True)
class Neurons:
    """The groups of a module.

    Attributes
    ----------
    groups
        Groups of two neurons and more.
    fixed
        What keeps neurons in their order, a sentence each; inputs and outputs are not named.
    norms
        Layer -> BatchNorm that takes its outputs, and is the only one that does.
    layers
        Modules that are called, in order.
    """

    groups: tuple[Group, ...]
    fixed: tuple[str, ...] = ()
    norms: dict[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()

    def moves(self, orders: dict[str, np.ndarray]) -> dict[str, dict[int, list]]:
        """Tensor -> axis -> (positions, order) of the groups that lie along it."""
        found: dict[str, dict[int, list]] = {}
        for group in self.groups:
            for place in group.places:
                along = found.setdefault(place.tensor, {}).setdefault(place.axis, [])
                along.append((place.positions, orders[group.name]))
        return found


def moved(array: np.ndarray, along: dict[int, list]) -> np.ndarray:
    """A tensor whose neurons stand in another order."""
    for axis, parts in along.items():
        index = np.arange(array.shape[axis])
        for positions, order in parts:
            index[positions] = positions[order]
        array = array.take(index, axis)
    return array


def find_neurons(module: nn.Module, inputs: Any) -> Neurons:
    """The groups of neurons of ``module``, found by running it on two of the ``inputs``.

    Raises
    ------
    UsageError
        The module cannot be traced: what it does depends on the numbers that it is given.
    """
    try:
        traced = fx.symbolic_trace(module.eval())
    except Exception as error:  # torch.fx raises many kinds
        raise UsageError(
            "neurons",
            f"{type(module).__name__} cannot be traced: {str(error).splitlines()[0]}",
            do="Write it without decisions that depend on its inputs",
        ) from error
    labels = Labels(traced, dict(_named(module)))
    with torch.inference_mode():
        labels.run(*_rows(inputs))
    return _neurons(labels)


def _rows(inputs: Any) -> list[torch.Tensor]:
    if not rows_of(inputs):
        raise EvidenceError("neurons", "there are no rows", do="Pass rows of inputs")
    part = next(parts_of(inputs, ROWS))
    values = part.values() if isinstance(part, dict) else part
    values = list(values) if isinstance(part, dict | tuple) else [part]
    return [
        torch.as_tensor(np.ascontiguousarray(np.resize(v, (ROWS, *v.shape[1:])))) for v in values
    ]


def _named(module: nn.Module):
    """Number of a tensor -> its names in the state dict."""
    found: dict[int, list[str]] = {}
    for kind in (module.named_parameters, module.named_buffers):
        for name, tensor in kind(remove_duplicate=False):
            found.setdefault(id(tensor), []).append(name)
    return found


def _neurons(labels: Labels) -> Neurons:
    """Groups: labels that became one, then those that lie equally often along the same axes."""
    classes = _classes(labels)
    ties = [(tied, classes[tied.labels]) for tied in labels.ties.values()]
    counts = np.zeros((len(ties), classes.max() + 1), np.int64)
    for row, (_, found) in zip(counts, ties, strict=True):
        np.add.at(row, found, 1)
    counts[:, classes[FIXED]] = 0
    alike: dict[bytes, list[int]] = {}
    for one in _in_order(ties):
        if counts[:, one].any():
            alike.setdefault(counts[:, one].tobytes(), []).append(one)
    shown = [(p, classes[p.labels]) for p in labels.probes]
    groups: list[Group] = []
    for members in alike.values():
        if len(members) > 1 and (group := _group(members, ties, shown, groups)):
            groups.append(group)
    return Neurons(tuple(groups), tuple(labels.reasons), labels.norms, tuple(labels.layers))


def _classes(labels: Labels) -> np.ndarray:
    pairs = np.concatenate([np.zeros((2, 0), np.int64), *labels.joined], axis=1)
    graph = coo_matrix((np.ones(pairs.shape[1]), pairs), (labels.count, labels.count))
    return connected_components(graph, directed=False)[1]


def _in_order(ties: list[tuple[Tied, np.ndarray]]) -> list[int]:
    """Classes, those first that are met first."""
    met = np.concatenate([np.zeros(0, np.int64), *(found for _, found in ties)])
    values, first = np.unique(met, return_index=True)
    return values[np.argsort(first)].tolist()


def _group(members: list[int], ties, shown, before: list[Group]) -> Group | None:
    places = [
        Place(name, tied.axis, at)
        for tied, found in ties
        for name in tied.names
        if (at := _positions(found, members)) is not None
    ]
    if not places:
        return None
    probes = [
        Probe(p.layer, p.side, p.axis, at)
        for p, found in shown
        if (at := _positions(found, members)) is not None
    ]
    made = [p.tensor for p in places]
    name = made[0].rpartition(".")[0] or made[0]
    taken = sum(g.name.partition("#")[0] == name for g in before)
    return Group(
        name + (f"#{taken + 1}" if taken else ""), len(members), tuple(places), tuple(probes)
    )


def _positions(found: np.ndarray, members: list[int]) -> np.ndarray | None:
    """(size, times) where each member lies in an axis, None where none does."""
    order = np.argsort(found, kind="stable")
    low = np.searchsorted(found[order], members, "left")
    times = int(np.searchsorted(found[order], members[0], "right") - low[0])
    return order[low[:, None] + np.arange(times)] if times else None
