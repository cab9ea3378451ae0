"""Which neuron of a model is which of another: by what they say, or by their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trueup.core.weights.types import is_float
from trueup.core.weights.view import Weights


if TYPE_CHECKING:
    from trueup.adapters.network import Network
    from trueup.adapters.neurons import Group, Neurons


SWEEPS = 100
"""Most rounds over all groups by weights; a round that changes nothing is the last."""


def match_activations(net: Network, to: Network, neurons: Neurons, on: Any) -> tuple[dict, dict]:
    """Orders of the neurons of ``net`` that correlate most with those of ``to``."""
    orders, matches = {}, {}
    for name, found in correlations(to, net, neurons, on).items():
        order = _assigned(found)
        orders[name], matches[name] = order, found[np.arange(len(order)), order]
    return orders, matches


def correlations(one: Network, two: Network, neurons: Neurons, on: Any) -> dict[str, np.ndarray]:
    """Group -> (size, size) mean correlation of neurons of two models, by layers that show it.

    A neuron that never changes correlates with none; where neither of two changes nothing is told.
    """
    from trueup.adapters.network import parts_of

    sums: dict[tuple[str, int], list] = {}
    for part in parts_of(on, 256):
        shown = _said(one, neurons, part), _said(two, neurons, part)
        for key, a in shown[0].items():
            b = shown[1][key]
            new = [a.T @ b, a.sum(0), b.sum(0), (a * a).sum(0), (b * b).sum(0), len(a)]
            sums[key] = [s + n for s, n in zip(sums[key], new, strict=True)] if key in sums else new
    found = {}
    for group in neurons.groups:
        each = [_correlation(*sums[group.name, i]) for i in range(len(group.probes))]
        total, told = (np.sum(parts, axis=0) for parts in zip(*each, strict=True))
        found[group.name] = total / np.maximum(told, 1)
    return found


def _correlation(ab, a, b, aa, bb, n) -> tuple[np.ndarray, np.ndarray]:
    """Correlations, 0 where a neuron never changes; and whether one of the two does."""
    spread = np.sqrt(np.maximum(aa - a * a / n, 0)), np.sqrt(np.maximum(bb - b * b / n, 0))
    # Sums of squares lose the digits that a mean takes: what is below them is no variation.
    changes = spread[0] > 1e-6 * np.sqrt(aa), spread[1] > 1e-6 * np.sqrt(bb)
    product, both = np.outer(*spread), np.logical_and.outer(*changes)
    found = np.divide(ab - np.outer(a, b) / n, product, out=np.zeros_like(product), where=both)
    return found, np.logical_or.outer(*changes)


def _said(net: Network, neurons: Neurons, part: Any) -> dict[tuple[str, int], np.ndarray]:
    """(group, probe) -> (samples, size) what its neurons say on some rows."""
    found: dict[tuple[str, int], np.ndarray] = {}
    modules = dict(net.module.named_modules())
    wanted: dict[tuple[str, str], list] = {}
    for group in neurons.groups:
        for i, probe in enumerate(group.probes):
            wanted.setdefault((probe.layer, probe.side), []).append((group.name, i, probe))

    def look(probes: list):
        def hook(module: Any, given: tuple, out: Any = None) -> None:
            value = given[0] if out is None else out
            for name, i, probe in probes:
                rows = value.detach().movedim(probe.axis, -1).double().cpu().numpy()
                rows = rows.reshape(-1, rows.shape[-1])[:, probe.positions]
                found[name, i] = rows.transpose(0, 2, 1).reshape(-1, len(probe.positions))

        return hook

    hooks = [
        modules[layer].register_forward_pre_hook(look(probes)) if side == "in"
        else modules[layer].register_forward_hook(look(probes))
        for (layer, side), probes in wanted.items()
    ]  # fmt: skip
    try:
        net.run(part)
    finally:
        for one in hooks:
            one.remove()
    return found


def match_weights(
    model: Weights, to: Weights, neurons: Neurons, *, seed: int = 0
) -> tuple[dict, dict]:
    """Orders of the neurons of ``model`` whose weights are most like those of ``to``.

    Rounds over the groups start from the order as it is and from one by the sorted weights of each
    neuron, which no order of other groups changes; the better end counts.
    """
    names = {p.tensor for g in neurons.groups for p in g.places}
    buffers = {n for n in names if n.endswith(("running_mean", "running_var"))}
    names = {n for n in names - buffers if is_float(model.specs[n].type)}
    a, b = ({n: w[n].astype(np.float64) for n in names} for w in (to, model))
    plain = {group.name: np.arange(group.size) for group in neurons.groups}
    sorts = {group.name: _assigned(_by_sorted(a, b, group)) for group in neurons.groups}
    rng = np.random.default_rng(seed)
    ends = [_descend(a, b, neurons, orders, rng) for orders in (plain, sorts)]
    orders = max(ends, key=lambda end: end[0])[1]
    matches = {}
    for group in neurons.groups:
        product, norms = _products(a, b, neurons, group, orders)
        matches[group.name] = product[np.arange(group.size), orders[group.name]] / norms
    return orders, matches


def _descend(a: dict, b: dict, neurons: Neurons, orders: dict, rng: Any) -> tuple[float, dict]:
    """Rounds until no group gains: the gain of a round is never below 0."""
    orders, best = dict(orders), {}
    for _ in range(SWEEPS):
        before = {name: order.copy() for name, order in orders.items()}
        for i in rng.permutation(len(neurons.groups)):
            group = neurons.groups[i]
            product = _products(a, b, neurons, group, orders)[0]
            orders[group.name] = _assigned(product)
            best[group.name] = product[np.arange(group.size), orders[group.name]].sum()
        if all((orders[name] == before[name]).all() for name in orders):
            break
    return sum(best.values()), orders


def _products(a: dict, b: dict, neurons: Neurons, group: Group, orders: dict):
    """(size, size) inner products of the weights of neurons, and norms, others as ordered."""
    from trueup.adapters.neurons import moved

    moves = neurons.moves(orders)
    total, norms = np.zeros((group.size, group.size)), np.zeros((2, group.size))
    for place in group.places:
        if place.tensor in a:
            rest = {
                axis: parts for axis, parts in moves[place.tensor].items() if axis != place.axis
            }
            one = _by_neuron(a[place.tensor], place)
            two = _by_neuron(moved(b[place.tensor], rest), place)
            total += one @ two.T
            norms += (one**2).sum(1), (two**2).sum(1)
    norm = np.sqrt(norms[0] * norms[1][orders[group.name]])
    return total, np.where(norm > 0, norm, 1.0)


def _by_sorted(a: dict, b: dict, group: Group) -> np.ndarray:
    """Minus the squared distance of the sorted weights of neurons."""
    total = np.zeros((group.size, group.size))
    for place in group.places:
        if place.tensor in a:
            one, two = (np.sort(_by_neuron(x[place.tensor], place), axis=1) for x in (a, b))
            total -= (one**2).sum(1)[:, None] + (two**2).sum(1) - 2 * one @ two.T
    return total


def _by_neuron(tensor: np.ndarray, place: Any) -> np.ndarray:
    """(size, numbers) of each neuron along an axis of a tensor."""
    along = np.moveaxis(tensor, place.axis, 0)[place.positions]
    return along.reshape(len(place.positions), -1)


def _assigned(gain: np.ndarray) -> np.ndarray:
    """(size,) the order that gains most."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(gain, maximize=True)[1]
