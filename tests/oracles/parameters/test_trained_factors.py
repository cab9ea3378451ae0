"""Trained factors against the closed form of one layer, and their place in a file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from trueup.adapters.network import Network
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import open_weights, save_weights
from trueup.core.weights.packings import LowRank
from trueup.parameters import Compensate, Prune, Quantise, TrainedFactors


def rows(n: int = 256, d: int = 12) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


def miss(model, weights, x) -> float:
    return float(np.square(Network.of(model, weights).run(x) - Network(model).run(x)).mean())


def test_one_layer_comes_to_the_closed_form():
    """For one layer and squared error the best factors are those of EoRA."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(12, 9)), rows()
    packed = Prune(share=0.6).fit(model)
    best = miss(model, Compensate(rank=3, kind="float32").fit(packed, model, inputs=x), x)
    setting = {"rank": 3, "steps": 3_000, "rate": 0.02, "batch": 256, "kind": "float32"}
    found = miss(model, TrainedFactors(**setting).fit(packed, model, inputs=x), x)
    assert best * (1 - 1e-5) <= found < best * 1.01


def test_factors_that_are_there_go_on_from_where_they_are(tmp_path):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(12, 30), nn.ReLU(), nn.Linear(30, 4)), rows()
    small = Quantise(bits=2).fit(Network(model))
    start = Compensate(rank=3).fit(small, model, inputs=x)
    good = TrainedFactors(steps=300).fit(start, model, inputs=x)
    assert miss(model, good, x) < miss(model, start, x) < miss(model, small, x)
    assert good.stored.bytes == start.stored.bytes
    assert isinstance(good.tensors["0.weight"].terms[-1], LowRank)
    (path,) = save_weights(good, tmp_path / "good.safetensors")
    assert all(np.array_equal(open_weights(path)[name], good[name]) for name in good)


def test_a_seed_gives_the_same_bytes_and_names_choose():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(12, 30), nn.ReLU(), nn.Linear(30, 4)), rows()
    small = Quantise(bits=2).fit(Network(model))
    setting = {"rank": 2, "steps": 20}
    one, two = (
        TrainedFactors(**setting).fit(small, model, inputs=x, names=["2"], seed=1) for _ in "ab"
    )
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert np.array_equal(one["0.weight"], small["0.weight"])
    assert not np.array_equal(one["2.weight"], small["2.weight"])


def test_what_is_refused():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(12, 9)), rows()
    packed = Prune().fit(model)
    for settings, words in (
        ({"rank": 0}, "rank 0"), ({"loss": "luck"}, "loss is"), ({"steps": 0}, "steps 0"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            TrainedFactors(**settings).fit(packed, model, inputs=x)
    with pytest.raises(EvidenceError, match="cannot run inputs of shape"):
        TrainedFactors().fit(packed, model, inputs=x[:, :5])
    with pytest.raises(EvidenceError, match="Lower rate"):
        TrainedFactors(rate=1e30, steps=50).fit(packed, model, inputs=x)
