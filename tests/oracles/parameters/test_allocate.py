"""Choices for a small network against trying all of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import rel_entr, softmax

from trueup.core.errors import UsageError
from trueup.core.weights import open_weights, save_weights
from trueup.parameters import Evolution, IntegerProgramme, Quantise, Uniform, allocate
from trueup.parameters.allocation.candidates import lost


torch = pytest.importorskip("torch")
OPTIONS = [Quantise(bits=b) for b in (2, 3, 4)]


@pytest.fixture(scope="module")
def world():
    from trueup.adapters.network import Network

    torch.manual_seed(0)
    layers = []
    for wide, narrow in ((10, 30), (30, 20), (20, 40), (40, 4)):
        layers += [torch.nn.Linear(wide, narrow), torch.nn.ReLU()]
    net = Network.of(torch.nn.Sequential(*layers[:-1]))
    return net, np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)


def every_choice(net, x, score, budget):
    """Loss of every choice that fits, by whole networks."""
    packed = [option.fit(net) for option in OPTIONS]
    before, found = net.run(x), {}
    for choice in product(range(3), repeat=4):
        tensors = dict(zip(packed[0].tensors, choice, strict=True))
        if sum(packed[k].tensors[name].bytes for name, k in tensors.items()) <= budget:
            arrays = {name: net.weights[name] for name in net.weights}
            arrays |= {name: packed[k][name] for name, k in tensors.items()}
            found[choice] = lost(before, type(net).of(net.module, arrays).run(x), score)
    return found


@pytest.mark.parametrize("score", ["squared", "kl"])
@pytest.mark.parametrize("method", [IntegerProgramme(), IntegerProgramme("uniform"), Evolution(40)])
def test_near_the_best_of_all_choices_and_better_than_uniform(world, score, method, tmp_path):
    net, x = world
    plain = allocate(net, x, options=OPTIONS, budget=1060, method=Uniform(), score=score)
    found = allocate(net, x, options=OPTIONS, budget=1060, method=method, score=score)
    every = every_choice(net, x, score, 1060)
    choice = tuple(option.bits - 2 for option in found.chosen.values())
    assert found.bytes <= 1060 and found.measured == pytest.approx(every[choice], rel=1e-4)
    assert found.measured < plain.measured == pytest.approx(plain.predicted)
    if isinstance(method, Evolution):
        assert found.measured == pytest.approx(min(every.values()), rel=1e-4)
    save_weights(found.weights, tmp_path / "a.safetensors")
    again = open_weights(tmp_path / "a.safetensors")
    assert all((again[name] == found.weights[name]).all() for name in again)
    assert "allocated_budget" in again.metadata


def test_losses_by_hand():
    one, two = np.random.default_rng(0).normal(size=(2, 7, 3, 5))
    kl = rel_entr(softmax(one, axis=-1), softmax(two, axis=-1)).sum(axis=-1).mean()
    assert lost(one, two, "kl") == pytest.approx(kl)
    assert lost(one, two, "squared") == pytest.approx(
        np.linalg.norm(one - two) ** 2 / np.linalg.norm(one) ** 2
    )
    assert lost(one, two, lambda x: x.sum()) == pytest.approx(two.sum() - one.sum())


def test_what_cannot_be_is_refused(world):
    net, x = world
    with pytest.raises(UsageError, match="the budget is 5 bytes"):
        allocate(net, x, options=OPTIONS, budget=5)
    with pytest.raises(UsageError, match="no options"):
        allocate(net, x, options=[], budget=5)
    with pytest.raises(UsageError, match="score is 'odd'"):
        allocate(net, x, options=OPTIONS, budget=5000, score="odd")
