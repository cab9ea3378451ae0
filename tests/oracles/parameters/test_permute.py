"""Permuted networks are the same networks, and their orders are found again."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest


torch = pytest.importorskip("torch")

from merging_nets import SHAPES, made, mlp, rows  # noqa: E402
from trueup.adapters.network import Network  # noqa: E402
from trueup.adapters.neurons import find_neurons  # noqa: E402
from trueup.core import UsageError  # noqa: E402
from trueup.core.weights import Held, open_weights, save_weights  # noqa: E402
from trueup.parameters import align, merge, permuted  # noqa: E402
from trueup.parameters.merging.matching import match_weights  # noqa: E402


SIZES = {
    "mlp": [8, 7],
    "lenet": [6, 8, 12],
    "joined": [4, 6, 8],
    "resnet": [16, 16, 16, 16, 32, 16, 32, 32, 64, 32, 64, 64],
}


def orders_of(neurons, seed: int) -> dict:
    """A random order of every group."""
    rng = np.random.default_rng(seed)
    return {group.name: rng.permutation(group.size) for group in neurons.groups}


@pytest.mark.parametrize("kind", SHAPES)
def test_a_permuted_network_gives_the_same(kind):
    net, x = made(kind), rows(kind)
    neurons = find_neurons(net, x)
    assert [group.size for group in neurons.groups] == SIZES[kind] and not neurons.fixed
    before = Network.of(net).run(x)
    for seed in range(3):
        other = permuted(net, orders_of(neurons, seed), arch=net, on=x)
        changed = [n for n in other if (other[n] != other.model[n]).any()]
        assert len(changed) > len(other) / 2
        assert Network.of(net, other).run(x) == pytest.approx(before, abs=2e-5)


@pytest.mark.parametrize("by", ["weights", "activations"])
@pytest.mark.parametrize("kind", SHAPES)
def test_planted_orders_are_found(kind, by):
    net, x = made(kind), rows(kind, 100)
    neurons = find_neurons(net, x)
    planted = orders_of(neurons, 1)
    other = permuted(net, planted, arch=net, on=x)
    found = align(other, net, arch=net, on=x, by=by)
    for name, order in planted.items():
        assert (order[found.orders[name]] == np.arange(len(order))).all()
        alive = found.matches[name] > 0  # a rectifier may be silent on all rows
        assert alive.mean() > 0.8 and found.matches[name][alive] == pytest.approx(1.0, abs=1e-4)
    merged = merge([net, found])
    assert all((merged[n] == found[n]).all() for n in found)


def test_a_hundred_of_a_hundred_orders_of_a_residual_network():
    net, x = made("resnet"), rows("resnet", 2)
    neurons, own = find_neurons(net, x), open_weights(net)
    right = 0
    for seed in range(100):
        planted = orders_of(neurons, seed)
        other = permuted(own, planted, arch=net, on=x) if not seed else None
        arrays = _moved(own, neurons, planted)
        if other is not None:
            assert all((other[n] == arrays[n]).all() for n in other)
        found = match_weights(Held(arrays), own, neurons, seed=seed)[0]
        right += all((planted[n][o] == np.arange(len(o))).all() for n, o in found.items())
    assert right == 100


def _moved(own, neurons, orders) -> dict:
    """Tensors moved by one loop after another, a slow oracle of the lazy view."""
    arrays = {name: own[name].copy() for name in own}
    for group in neurons.groups:
        for place in group.places:
            old = np.moveaxis(arrays[place.tensor], place.axis, 0)
            new = old.copy()
            for into, out_of in enumerate(orders[group.name]):
                for a, b in zip(place.positions[into], place.positions[out_of], strict=True):
                    new[a] = old[b]
            arrays[place.tensor] = np.moveaxis(new, 0, place.axis)
    return arrays


def test_weights_are_matched_as_well_as_by_all_orders_of_tiny_networks():
    """Brute force: of all 24 x 24 orders the coordinate descent finds the best, or nearly."""
    x, gaps = rows("mlp", 2), []
    for seed in range(10):
        torch.manual_seed(seed)
        one, two = mlp(5, 4, 4, 3), mlp(5, 4, 4, 3)
        a, b = ({n: w[n] for n in w} for w in map(open_weights, (one, two)))
        found = align(two, one, arch=one, on=x, by="weights", seed=seed)
        reached = sum(float((a[n] * found[n]).sum()) for n in a)
        best = max(_inner(a, b, p, q) for p, q in product(permutations(range(4)), repeat=2))
        gaps.append(best - reached)
    # Descent ends where no one group can gain; here it ends at the best in most.
    assert min(gaps) > -1e-5 and np.mean(np.abs(gaps) < 1e-5) >= 0.5


def _inner(a: dict, b: dict, p: tuple, q: tuple) -> float:
    p, q = list(p), list(q)
    moved = {
        "0.weight": b["0.weight"][p], "0.bias": b["0.bias"][p],
        "2.weight": b["2.weight"][q][:, p], "2.bias": b["2.bias"][q],
        "4.weight": b["4.weight"][:, q], "4.bias": b["4.bias"],
    }  # fmt: skip
    return sum(float((a[n] * moved[n]).sum()) for n in a)


def test_correlations_are_those_of_numpy():
    from trueup.parameters.merging.matching import correlations

    one, two, x = made("mlp", 0), made("mlp", 1), rows("mlp", 300)
    found = correlations(Network.of(one), Network.of(two), find_neurons(one, x), x)
    said = [net[0](torch.from_numpy(x)).detach().numpy() for net in (one, two)]
    after = [np.maximum(s, 0) for s in said]
    wanted = [np.corrcoef(*(s.T for s in pair))[:8, 8:] for pair in (said, after)]
    assert found["0"] == pytest.approx(np.mean(wanted, axis=0), abs=1e-5)


def test_neurons_that_cannot_move_are_named():
    class Heads(torch.nn.Module):
        """Splits its neurons into heads, and multiplies matrices."""

        def __init__(self):
            super().__init__()
            self.q, self.out, self.last = (torch.nn.Linear(*s) for s in ((4, 6), (6, 5), (5, 2)))

        def forward(self, x):
            q = self.q(x).reshape(x.shape[0], -1, 2, 3).transpose(1, 2)
            mixed = (q @ q.transpose(2, 3)).softmax(-1) @ q
            return self.last(self.out(mixed.transpose(1, 2).reshape(x.shape[0], -1, 6)).relu())

    net, x = Heads(), np.random.default_rng(0).normal(size=(3, 7, 4)).astype(np.float32)
    neurons = find_neurons(net, x)
    assert [group.name for group in neurons.groups] == ["out"]
    assert "matmul (call_function) is not known" in neurons.fixed


def test_a_module_that_decides_by_its_inputs_is_refused():
    class Decides(torch.nn.Module):
        """Does another thing for other numbers."""

        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(UsageError, match="Decides cannot be traced"):
        find_neurons(Decides(), np.ones((3, 2), np.float32))


def test_what_is_asked_for_wrongly_is_refused():
    net, x = made("mlp"), rows("mlp")
    with pytest.raises(UsageError, match="by is 'luck'"):
        align(net, net, arch=net, on=x, by="luck")
    with pytest.raises(UsageError, match="'0' has an order of 2"):
        permuted(net, {"0": [0, 0]}, arch=net, on=x)


def test_the_same_call_writes_the_same_bytes(tmp_path):
    one, two, x = made("resnet", 0), made("resnet", 1), rows("resnet", 30)
    for by in ("weights", "activations"):
        files = [tmp_path / f"{by}{i}.safetensors" for i in range(2)]
        for file in files:
            save_weights(align(two, one, arch=one, on=x, by=by, seed=3), file)
        assert files[0].read_bytes() == files[1].read_bytes()
