"""Retraining of few numbers: against least squares, and what it must leave alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from trueup.adapters.network import Network
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import open_weights, save_weights
from trueup.parameters import PERP, Prune
from trueup.parameters.compensation.perp import few_of


def net() -> nn.Sequential:
    """Two layers, a norm between them."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 20), nn.LayerNorm(20), nn.ReLU(), nn.Linear(20, 5))


def rows(n: int = 256) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 12)).astype(np.float32)


def test_the_bias_of_one_layer_is_that_of_least_squares():
    model = nn.Sequential(nn.Linear(12, 5))
    x = rows() + 1
    packed = Prune(share=0.6).fit(model)
    good = PERP(steps=2_000, rate=0.05, batch=256).fit(packed, model, inputs=x)
    w = model[0].weight.detach().numpy().astype(float)
    best = model[0].bias.detach().numpy() + (w - packed["0.weight"]) @ x.mean(0, dtype=float)
    np.testing.assert_allclose(good["0.bias"], best, atol=2e-3)


def test_only_what_is_asked_for_changes(tmp_path):
    model, x = net(), rows()
    packed = Prune(share=0.6).fit(model)
    for parts, moved in (
        (("bias",), {"0.bias", "3.bias"}),
        (("norm",), {"1.weight", "1.bias"}),
        (("bias", "norm"), {"0.bias", "3.bias", "1.weight", "1.bias"}),
    ):
        assert set(few_of(Network(model), parts)) == moved
        good = PERP(parts=parts, steps=20).fit(packed, model, inputs=x)
        assert {n for n in good if not np.array_equal(good[n], packed[n])} == moved
        (path,) = save_weights(good, tmp_path / "good.safetensors")
        back = open_weights(path)
        assert all(np.array_equal(back[n], good[n]) for n in good)


@pytest.mark.parametrize("loss", ["outputs", "probabilities", "log_loss"])
def test_the_loss_falls_and_a_seed_gives_the_same_bytes(loss):
    model, x = net(), rows()
    packed = Prune(share=0.7).fit(model)
    said = Network(model).run(x)
    truth = said.argmax(1) if loss == "log_loss" else None
    setting = {"loss": loss, "steps": 300, "rate": 0.01}
    one, two = (PERP(**setting).fit(packed, model, inputs=x, truth=truth, seed=3) for _ in "ab")
    assert all(np.array_equal(one[name], two[name]) for name in one)

    def miss(weights) -> float:
        out = torch.from_numpy(Network.of(model, weights).run(x))
        if loss == "outputs":
            return float(np.square(out.numpy() - said).mean())
        wanted = torch.from_numpy(said).softmax(1) if truth is None else torch.from_numpy(truth)
        return float(nn.functional.cross_entropy(out, wanted))

    assert miss(one) < miss(packed)


def test_brain_floats_stay_brain_floats():
    model, x = net(), rows()
    half = {name: t.bfloat16() for name, t in model.state_dict().items()}
    packed = Prune(share=0.5).fit(open_weights(half))
    good = PERP(steps=5).fit(packed, model, inputs=x)
    assert {spec.type for spec in good.specs.values()} == {"BF16"}
    assert good["0.bias"].dtype.name == "bfloat16"


def test_a_matrix_of_two_names_is_no_trouble():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.mid = nn.Embedding(10, 8), nn.Linear(8, 8)
            self.head = nn.Linear(8, 10, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(self.mid(self.embed(ids)))

    torch.manual_seed(0)
    model, x = Tied(), np.arange(30).reshape(10, 3) % 10
    packed = Prune(share=0.6).fit(model)
    good = PERP(parts=("bias",), steps=50).fit(packed, model, inputs=x)
    assert {n for n in good if not np.array_equal(good[n], packed[n])} == {"mid.bias"}


def test_the_network_as_it_was_stays():
    model, x = net(), rows()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    PERP(steps=5).fit(Prune().fit(model), model, inputs=x)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_what_is_refused():
    model, x = net(), rows()
    packed = Prune().fit(model)
    for settings, words in (
        ({"parts": ("luck",)}, "parts are"), ({"loss": "luck"}, "loss is 'luck'"),
        ({"loss": "log_loss"}, "without truth"), ({"rate": 0.0}, "rate 0.0"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            PERP(**settings).fit(packed, model, inputs=x)
    with pytest.raises(EvidenceError, match="3 truths for 256 rows"):
        PERP(loss="log_loss").fit(packed, model, inputs=x, truth=np.zeros(3, int))
    with pytest.raises(EvidenceError, match="cannot run inputs of shape"):
        PERP().fit(packed, model, inputs=x[:, :5])
    bare = nn.Sequential(nn.Linear(12, 5, bias=False))
    with pytest.raises(EvidenceError, match="no bias and no norm"):
        PERP().fit(Prune().fit(bare), bare, inputs=x)
