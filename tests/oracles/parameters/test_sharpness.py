"""Sharpness against the eigenvalues of Hessians that are formed."""

from __future__ import annotations

import numpy as np
import pytest


torch = pytest.importorskip("torch")

from merging_nets import made, rows  # noqa: E402
from trueup.core import EvidenceError  # noqa: E402
from trueup.parameters import sharpness  # noqa: E402


def hessian(net, layer, x, y):
    """The Hessian of the loss by the weights and bias of a layer, formed."""
    weights = [p for p in (layer.weight, layer.bias) if p is not None]

    def loss(flat):
        values, at = {}, 0
        for name, p in zip(("weight", "bias"), weights, strict=False):
            values[name], at = flat[at : at + p.numel()].reshape(p.shape), at + p.numel()
        prefix = next(n for n, m in net.named_modules() if m is layer)
        named = {f"{prefix}.{n}" if prefix else n: v for n, v in values.items()}
        said = torch.func.functional_call(net, named, (torch.from_numpy(x),))
        return torch.nn.functional.cross_entropy(said, torch.from_numpy(y))

    flat = torch.cat([p.detach().reshape(-1) for p in weights])
    return torch.autograd.functional.hessian(loss, flat).double().numpy()


@pytest.mark.parametrize("kind", ["mlp", "lenet", "joined"])
def test_it_is_the_largest_eigenvalue(kind):
    net, x = made(kind), rows(kind, 100)
    y = np.random.default_rng(0).integers(2, size=100)
    found = sharpness(net, arch=net, on=x, labels=y, steps=2000)
    times = sharpness(net, arch=net, on=x, labels=y, steps=2000, relative=True)
    for name, layer in net.named_modules():
        if name in found:
            largest = np.linalg.eigvalsh(hessian(net, layer, x, y))[-1]
            assert found[name].value == pytest.approx(largest, rel=0.01), name
            size = sum(float((p.detach() ** 2).sum()) for p in layer.parameters())
            assert times[name].value == pytest.approx(size * largest, rel=0.01), name


def test_relative_sharpness_of_weights_does_not_change_with_their_scale():
    """Rectifiers: a layer times 4, the next one divided by 4."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 8, bias=False), torch.nn.ReLU(), torch.nn.Linear(8, 2, bias=False)
    )
    x, y = rows("mlp", 100), np.arange(100) % 2
    other = {"0.weight": 4 * net[0].weight.detach(), "2.weight": net[2].weight.detach() / 4}
    before = sharpness(net, arch=net, on=x, labels=y, relative=True, steps=2000)
    after = sharpness(other, arch=net, on=x, labels=y, relative=True, steps=2000)
    plain = sharpness(other, arch=net, on=x, labels=y, steps=2000)
    once = sharpness(net, arch=net, on=x, labels=y, steps=2000)
    for name in before:
        assert after[name].value == pytest.approx(before[name].value, rel=1e-2)
    assert plain["0"].value == pytest.approx(once["0"].value / 16, rel=1e-2)


def test_intervals_hold_the_curvature_of_many_rows():
    """Along the direction that is found; of 40 intervals at 95 % at most 6 miss (chance 0.3 %)."""
    net, many = made("mlp"), rows("mlp", 20_000, 1)
    labels = np.random.default_rng(1).integers(3, size=len(many))
    truth = sharpness(net, arch=net, on=many, labels=labels)["4"].value
    misses = 0
    for at in range(40):
        part = slice(500 * at, 500 * at + 500)
        found = sharpness(net, arch=net, on=many[part], labels=labels[part])["4"]
        misses += not found.low <= truth <= found.high
    assert misses <= 6


def test_labels_of_other_length_are_refused():
    net = made("mlp")
    with pytest.raises(EvidenceError, match=r"20 rows and labels \(3,\)"):
        sharpness(net, arch=net, on=rows("mlp"), labels=[0, 1, 0])
