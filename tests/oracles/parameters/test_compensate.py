"""EoRA against the dense weighted SVD, random competitors, and gradient descent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import nn

from trueup.adapters.network import Network
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import open_weights, save_weights
from trueup.core.weights.packed import Packed
from trueup.core.weights.packings import Codes
from trueup.parameters import Compensate, Prune
from trueup.parameters.matrices import errors, matrices


def layer(out: int, d: int, *, n: int = 400, seed: int = 0):
    """A net of one layer, its inputs of unlike directions, and the layer pruned to a third."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(d, out))
    mixed = rng.normal(size=(n, d)) @ (rng.normal(size=(d, d)) * 0.7 ** np.arange(d))
    return model, (mixed + 1).astype(np.float32), Prune(share=0.66).fit(model)


def dense(e: np.ndarray, xx: np.ndarray, rank: int) -> np.ndarray:
    """The rank-r matrix of the paper: SVD of E Q sqrt(L), cut, mapped back by its inverse."""
    values, q = linalg.eigh(xx)
    to = q * np.sqrt(values)
    u, s, v = linalg.svd(e @ to, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ v[:rank] @ linalg.inv(to)


def added(packed: Packed, good: Packed) -> np.ndarray:
    """What compensation added, in double precision."""
    assert list(packed.specs) == list(good.specs)
    low = good.tensors["0.weight"].terms[-1]
    return low.left.astype(float) @ low.right.astype(float)


@pytest.mark.parametrize(("out", "d"), [(30, 12), (12, 30), (20, 20)])
def test_eora_is_the_weighted_svd_of_the_paper(out, d):
    model, x, packed = layer(out, d)
    good = Compensate(rank=4, kind="float32").fit(packed, model, inputs=x)
    w, wq = model[0].weight.detach().numpy().astype(float), packed["0.weight"].astype(float)
    xx = x.T.astype(float) @ x.astype(float)
    best, found = dense(w - wq, xx, 4), added(packed, good)

    def miss(ba):
        return np.linalg.norm((w - wq - ba) @ x.T.astype(float))

    assert miss(found) == pytest.approx(miss(best), rel=1e-5)
    np.testing.assert_allclose(found @ x.T, best @ x.T, atol=2e-3 * np.abs(best @ x.T).max())


def test_nothing_of_that_rank_is_better():
    model, x, packed = layer(14, 10)
    good = Compensate(rank=3, kind="float32").fit(packed, model, inputs=x)
    w, wq = (a["0.weight"].astype(float) for a in (open_weights(model), packed))
    own = np.linalg.norm((w - wq - added(packed, good)) @ x.T)
    rng = np.random.default_rng(0)
    low = good.tensors["0.weight"].terms[-1]
    for size in (1e-3, 1e-2, 1e-1, 1.0):
        for _ in range(50):
            b = low.left + size * rng.normal(size=low.left.shape)
            a = low.right + size * rng.normal(size=low.right.shape)
            assert np.linalg.norm((w - wq - b @ a) @ x.T) >= own * (1 - 1e-6)


def test_svd_is_the_truncated_one():
    model, _, packed = layer(14, 10)
    good = Compensate(rank=3, basis="svd", kind="float32").fit(packed, model)
    e = model[0].weight.detach().numpy() - packed["0.weight"]
    u, s, v = np.linalg.svd(e.astype(float))
    np.testing.assert_allclose(added(packed, good), (u[:, :3] * s[:3]) @ v[:3], atol=1e-5)


def test_inputs_that_never_vary_do_no_harm():
    """The Gram matrix has no inverse; the factors stay finite and the error falls."""
    model, x, packed = layer(14, 10)
    x[:, 5:] = 0
    good = Compensate(rank=5).fit(packed, model, inputs=x)
    found = matrices("test", model, inputs=x)
    assert np.isfinite(good["0.weight"]).all()
    assert errors(found, good)["0"] < 1e-5 < errors(found, packed)["0"]


def test_a_full_rank_gives_the_layer_back():
    model, x, packed = layer(8, 30)
    good = Compensate(rank=8, kind="float32").fit(packed, model, inputs=x)
    np.testing.assert_allclose(good["0.weight"], model[0].weight.detach(), atol=1e-5)


def test_biases_take_up_the_mean_and_factors_the_rest():
    """Against alternating least squares of both together."""
    model, x, packed = layer(9, 7)
    good = Compensate(rank=2, bias=True, kind="float32").fit(packed, model, inputs=x)
    plain = Compensate(rank=2, kind="float32").fit(packed, model, inputs=x)
    y = Network(model).run(x).astype(float)
    w, b = packed["0.weight"].astype(float), model[0].bias.detach().numpy().astype(float)
    left = y - x @ w.T - b
    centred, xc = left - left.mean(0), x - x.mean(0, dtype=float)
    u = np.linalg.svd(centred, full_matrices=False)[2][:2]
    best = np.square(centred - centred @ u.T @ u).sum()
    made = Network.of(model, good).run(x)
    assert np.square(y - made).sum() == pytest.approx(best, rel=1e-3)
    assert np.square(y - made).sum() < np.square(y - Network.of(model, plain).run(x)).sum()
    np.testing.assert_allclose((y - made).mean(0), 0, atol=1e-4)
    assert np.isfinite(xc).all()


def test_shared_ranks_cost_no_more_and_miss_less():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 10))
    x = np.random.default_rng(0).normal(size=(500, 20)).astype(np.float32)
    packed = Prune(share={"0": 0.9, "2": 0.2}).fit(model)
    found = matrices("test", model, inputs=x)
    equal, shared = (
        Compensate(rank=3, shared=s).fit(packed, model, inputs=x) for s in (False, True)
    )
    assert shared.stored.bytes <= equal.stored.bytes
    assert sum(errors(found, shared).values()) < sum(errors(found, equal).values())


def test_codes_get_factors_and_a_file_says_so(tmp_path):
    model, x, _ = layer(16, 12)
    w = model[0].weight.detach().numpy()
    scale = np.abs(w).max(1, keepdims=True)
    codes = np.clip(np.round(w / scale) + 2, 0, 3).astype(np.uint8)
    packed = Packed({"0.weight": Codes((16, 12), 2, codes, scale)}, open_weights(model))
    good = Compensate(rank=4).fit(packed, model, inputs=x)
    (path,) = save_weights(good, tmp_path / "small.safetensors")
    back = open_weights(path)
    np.testing.assert_array_equal(back["0.weight"], good["0.weight"])
    assert good.stored.bytes == 16 * 12 * 2 // 8 + 16 * 4 + (16 + 12) * 4 * 2 + 16 * 4
    assert "compensated_by" in back.metadata
    twice = Compensate(rank=2).fit(good, model, inputs=x)
    assert len(twice.tensors["0.weight"].terms) == 3


def test_convolutions_are_matrices_of_windows():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 6, 3, stride=2, padding=1), nn.Flatten())
    x = np.random.default_rng(0).normal(size=(40, 2, 9, 9)).astype(np.float32)
    packed = Prune(share=0.5).fit(model)
    good = Compensate(rank=6, kind="float32").fit(packed, model, inputs=x)
    y = Network(model).run(x)
    np.testing.assert_allclose(Network.of(model, good).run(x), y, atol=1e-4)


def test_what_is_refused():
    model, x, packed = layer(16, 12)
    with pytest.raises(EvidenceError, match="was given 3 rows and the rank is 4"):
        Compensate(rank=4).fit(packed, model, inputs=x[:3])
    with pytest.raises(EvidenceError, match=r"cannot run inputs of shape \(400, 5\)"):
        Compensate(rank=4).fit(packed, model, inputs=x[:, :5])
    with pytest.raises(EvidenceError, match=r"not those of the network: 0.weight \(16, 12\)"):
        Compensate(rank=4).fit(packed, nn.Sequential(nn.Linear(9, 16)), inputs=x)
    with pytest.raises(UsageError, match="needs inputs"):
        Compensate().fit(packed, model)
    with pytest.raises(UsageError, match="rank is 0"):
        Compensate(rank=0).fit(packed, model, inputs=x)
    with pytest.raises(UsageError, match="basis is 'luck'"):
        Compensate(basis="luck").fit(packed, model, inputs=x)
    with pytest.raises(UsageError, match="cannot be run"):
        Compensate().fit(packed, {"w": x}, inputs=x)
