"""Retuning against means and spreads measured apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from trueup.adapters.network import Network
from trueup.core.errors import EvidenceError, UsageError
from trueup.parameters import Prune, Retune


def net() -> nn.Sequential:
    """Two layers, a norm between them."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 20), nn.LayerNorm(20), nn.ReLU(), nn.Linear(20, 5))


def rows(n: int = 300) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=(n, 12)) * 2 + 1).astype(np.float32)


def middle(model: nn.Sequential, x: np.ndarray, upto: int) -> np.ndarray:
    """What the first ``upto`` modules give."""
    with torch.no_grad():
        return model[:upto](torch.from_numpy(x)).double().numpy()


def test_every_layer_gives_its_mean_again():
    model, x = net(), rows()
    packed = Prune(share=0.6).fit(model)
    after = Network.of(model, Retune().fit(packed, model, inputs=x)).module
    for upto in (1, 4):
        np.testing.assert_allclose(
            middle(after, x, upto).mean(0), middle(model, x, upto).mean(0), atol=1e-5
        )


def test_the_first_bias_is_the_closed_form():
    """Before the first layer nothing has changed: its bias moves by (W - W^) times the mean."""
    model, x = net(), rows()
    packed = Prune(share=0.6).fit(model)
    after = Retune().fit(packed, model, inputs=x)
    w = model[0].weight.detach().numpy().astype(float)
    expected = model[0].bias.detach().numpy() + (w - packed["0.weight"]) @ x.mean(0, dtype=float)
    np.testing.assert_allclose(after["0.bias"], expected, atol=1e-5)


def test_norms_give_their_spread_again():
    model, x = net(), rows()
    packed = Prune(share=0.6).fit(model)
    after = Network.of(model, Retune(parts=("norm",)).fit(packed, model, inputs=x)).module
    new, old = (middle(one, x, 2) for one in (after, model))
    np.testing.assert_allclose(new.mean(0), old.mean(0), atol=1e-5)
    np.testing.assert_allclose(new.std(0), old.std(0), rtol=1e-5)


def test_channels_of_images():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3))
    x = np.random.default_rng(0).normal(size=(50, 2, 8, 8)).astype(np.float32)
    packed = Prune(share=0.6).fit(model)
    good = Network.of(model, Retune(parts=("bias", "norm")).fit(packed, model, inputs=x))
    new, old = good.run(x), Network(model).run(x)
    np.testing.assert_allclose(new.mean((0, 2, 3)), old.mean((0, 2, 3)), atol=1e-5)


def test_what_was_not_changed_stays_as_it_is():
    model, x = net(), rows()
    packed = Prune(share=0.0).fit(model)
    after = Retune(parts=("bias", "norm")).fit(packed, model, inputs=x)
    for name in packed:
        np.testing.assert_allclose(after[name], packed[name], atol=1e-6)


def test_what_is_refused():
    model, x = net(), rows()
    packed = Prune().fit(model)
    with pytest.raises(UsageError, match="parts are"):
        Retune(parts=("luck",)).fit(packed, model, inputs=x)
    with pytest.raises(EvidenceError, match="cannot run inputs of shape"):
        Retune().fit(packed, model, inputs=x[:, :5])
    with pytest.raises(EvidenceError, match="not those of the network"):
        Retune().fit(packed, nn.Sequential(nn.Linear(3, 3)), inputs=x)
    bare = nn.Sequential(nn.Linear(12, 5, bias=False))
    with pytest.raises(EvidenceError, match="there is no bias"):
        Retune().fit(Prune().fit(bare), bare, inputs=x)
