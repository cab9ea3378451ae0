"""Pruning against sorting, a slow loop of optimal brain surgery, and counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from trueup.adapters.network import Network
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import Held, open_weights, save_weights
from trueup.parameters import Prune
from trueup.parameters.pruning.patterns import Pattern, least_of_all
from trueup.parameters.pruning.sparsegpt import surgeon


def net(*, seed: int = 0) -> nn.Sequential:
    """Two full layers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 6))


def rows(n: int = 300, *, seed: int = 0) -> np.ndarray:
    """Inputs of unlike size that depend on each other."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, 24)) @ rng.normal(size=(24, 24))
    return (mixed * rng.uniform(0.1, 3, 24)).astype(np.float32)


def test_magnitude_keeps_the_largest_of_a_layer():
    model = net()
    packed = Prune(share=0.3).fit(model)
    for name in ("0.weight", "2.weight"):
        w = model.state_dict()[name].numpy()
        edge = np.sort(np.abs(w), axis=None)[int(0.3 * w.size)]
        np.testing.assert_array_equal(packed[name], np.where(np.abs(w) >= edge, w, 0))
    np.testing.assert_array_equal(packed["0.bias"], model.state_dict()["0.bias"].numpy())


def test_weights_alone_give_what_the_module_gives():
    model = net()
    one, two = Prune(share=0.4).fit(model), Prune(share=0.4).fit(open_weights(model))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_the_whole_model_is_cut_at_one_size_whatever_the_ties():
    rng = np.random.default_rng(0)
    tied = {
        name: rng.integers(-4, 5, (30, 20)).astype(np.float32) * size
        for name, size in (("a", 1), ("b", 2))
    }
    packed = Prune(share=0.6, pattern="model").fit(tied)
    size = np.concatenate([np.abs(tied[name]).ravel() for name in tied])
    gone = np.concatenate([(packed[name] == 0).ravel() for name in tied])
    assert gone.sum() == int(0.6 * size.size)
    assert size[gone].max() <= size[~gone].min()


def test_the_kth_least_is_that_of_a_sort():
    rng = np.random.default_rng(1)
    parts = [np.abs(rng.normal(size=n)).astype(np.float32) for n in (7, 500, 90)]
    every = np.sort(np.concatenate(parts))
    for k in (1, 2, 300, 597):
        edge, ties = least_of_all(lambda: parts, k)
        assert edge == every[k - 1] and ties == 1


def test_wanda_is_magnitude_times_norm_row_by_row():
    model, x = net(), rows()
    packed = Prune(share=0.5, criterion="wanda", pattern="row").fit(model, x)
    w = model[0].weight.detach().numpy()
    norms = np.array([np.sqrt(sum(float(v) ** 2 for v in x[:, j])) for j in range(24)])
    for i, row in enumerate(w):
        order = np.argsort(np.abs(row) * norms)
        assert set(np.flatnonzero(packed["0.weight"][i] == 0)) == set(order[:12])


@pytest.mark.parametrize("criterion", ["magnitude", "wanda", "sparsegpt"])
@pytest.mark.parametrize("pattern", ["2:4", "1:4", "4:8"])
def test_n_of_m_stay(criterion, pattern):
    n, m = map(int, pattern.split(":"))
    packed = Prune(criterion=criterion, pattern=pattern).fit(net(), rows())
    for name in ("0.weight", "2.weight"):
        kept = (packed[name] != 0).reshape(-1, m).sum(1)
        assert (kept == n).all()


def test_columns_after_the_last_whole_group_stay():
    w = np.arange(1, 8, dtype=np.float32)[None]
    np.testing.assert_array_equal(Prune(pattern="2:4").fit({"w": w})["w"], [[0, 0, 3, 4, 5, 6, 7]])


@pytest.mark.parametrize("pattern", ["row", "2:4"])
def test_surgery_is_that_of_a_slow_loop(pattern):
    """Each weight that goes moves the later ones of its row by the inverse of what is left."""
    rng = np.random.default_rng(3)
    w, x = rng.normal(size=(5, 12)), rows(80)[:, :12].astype(np.float64)
    h = x.T @ x
    h += 0.01 * np.diagonal(h).mean() * np.eye(12)
    slow = w.copy()
    keep = np.ones((5, 12), bool)
    cost = [np.linalg.inv(h[j:, j:])[0, 0] for j in range(12)]
    if pattern == "row":
        for i in range(5):
            keep[i, np.argsort(w[i] ** 2 / cost)[:6]] = False
    for j in range(12):
        if pattern == "2:4" and j % 4 == 0:
            for i in range(5):
                order = np.argsort(slow[i, j : j + 4] ** 2 / cost[j : j + 4])
                keep[i, j + order[:2]] = False
        inverse = np.linalg.inv(h[j:, j:])
        for i in range(5):
            if not keep[i, j]:
                slow[i, j:] -= slow[i, j] / inverse[0, 0] * inverse[0]
                slow[i, j] = 0
    fast = surgeon(
        w.astype(np.float32), x.T @ x, share=0.5, pattern=Pattern.read(pattern), damping=0.01
    )
    np.testing.assert_allclose(fast, slow, rtol=1e-3, atol=1e-4)


def test_blocks_change_nothing_of_a_given_mask():
    """With 2:4 the choice looks four columns ahead, so blocks of 128 must not be seen."""
    rng = np.random.default_rng(4)
    w = rng.normal(size=(3, 300)).astype(np.float32)
    x = rng.normal(size=(500, 300)) @ (np.eye(300) + 0.1 * rng.normal(size=(300, 300)))
    from trueup.parameters.pruning import sparsegpt

    setting = {"share": 0.5, "pattern": Pattern.read("2:4"), "damping": 0.01}
    blocks = surgeon(w, x.T @ x, **setting)
    before, sparsegpt.BLOCK = sparsegpt.BLOCK, 300
    try:
        whole = surgeon(w, x.T @ x, **setting)
    finally:
        sparsegpt.BLOCK = before
    np.testing.assert_allclose(blocks, whole, rtol=1e-3, atol=1e-4)


def test_outputs_err_less_the_more_a_criterion_knows():
    from trueup.parameters.matrices import errors, matrices

    model, x = net(), rows()
    found = matrices("test", model, inputs=x)
    of = {
        c: sum(errors(found, Prune(criterion=c, pattern="row").fit(model, x)).values())
        for c in ("magnitude", "wanda", "sparsegpt")
    }
    assert of["sparsegpt"] < of["wanda"] < of["magnitude"]


def test_channels_go_with_their_bias_and_only_inside_a_chain():
    model = net()
    packed = Prune(share=0.5, pattern="channels").fit(model)
    assert list(packed.tensors) == ["0.weight"]
    gone = (packed["0.weight"] == 0).all(1)
    assert gone.sum() == 20 and not packed["0.bias"][gone].any()
    small = nn.Sequential(nn.Linear(24, 20), nn.ReLU(), nn.Linear(20, 6))
    small[0].weight.data = torch.from_numpy(packed["0.weight"][~gone])
    small[0].bias.data = torch.from_numpy(packed["0.bias"][~gone])
    small[2].weight.data = torch.from_numpy(packed["2.weight"][:, ~gone])
    small[2].bias.data = torch.from_numpy(packed["2.bias"].copy())
    x = rows()
    np.testing.assert_allclose(
        Network.of(model, packed).run(x), Network(small).run(x), rtol=1e-4, atol=1e-4
    )


def test_files_are_as_small_as_said_and_read_back(tmp_path):
    packed = Prune(share=0.75).fit({"w": np.random.default_rng(0).normal(size=(64, 64))})
    (path,) = save_weights(packed, tmp_path / "small.safetensors")
    assert packed.stored.bytes == 64 * 64 // 8 + 64 * 16 * 8
    assert packed.stored.bytes < path.stat().st_size < packed.stored.bytes + 600
    np.testing.assert_array_equal(open_weights(path)["w"], packed["w"])


def test_half_precision_stays_half():
    import ml_dtypes

    w = np.random.default_rng(0).normal(size=(8, 8)).astype(ml_dtypes.bfloat16)
    packed = Prune().fit(Held({"w": w}))
    assert packed["w"].dtype == w.dtype and (packed["w"] != 0).sum() == 32


def test_shares_by_layer():
    packed = Prune(share={"0": 0.25, "2": 0.75}).fit(net())
    assert [(packed[f"{n}.weight"] == 0).mean() for n in ("0", "2")] == [0.25, 0.75]


def test_a_shared_matrix_is_left_out():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.mid = nn.Embedding(10, 8), nn.Linear(8, 8)
            self.head = nn.Linear(8, 10, bias=False)
            self.head.weight = self.embed.weight

    assert list(Prune().fit(Tied()).tensors) == ["mid.weight"]


def test_filled_up_places_do_not_count():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(10, 4), nn.Linear(4, 2)

        def forward(self, input_ids, attention_mask):
            return self.head(self.embed(input_ids))

    network = Network(Words())
    ids, mask = np.array([[1, 2, 0], [3, 0, 0]]), np.array([[1, 1, 0], [1, 0, 0]])
    seen = network.seen({"input_ids": ids, "attention_mask": mask})["head"]
    e = network.module.embed.weight.detach().numpy()[[1, 2, 3]]
    assert seen.rows == 3
    np.testing.assert_allclose(seen.xx[0], e.T @ e, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "given", "words"),
    [
        ({"share": 1.0}, None, "share is 1.0"),
        ({"pattern": "4:2"}, None, "pattern is '4:2'"),
        ({"pattern": "2:4", "share": 0.7}, None, "Leave share out"),
        ({"criterion": "luck"}, None, "criterion is 'luck'"),
        ({"criterion": "wanda"}, None, "wanda needs inputs"),
        ({"criterion": "sparsegpt", "pattern": "model"}, "x", "no pattern 'model'"),
    ],
)
def test_settings_that_make_no_sense(settings, given, words):
    with pytest.raises(UsageError, match=words):
        Prune(**settings).fit(net(), rows() if given else None)


def test_inputs_that_do_not_fit():
    with pytest.raises(EvidenceError, match=r"cannot run inputs of shape \(5, 7\)"):
        Prune(criterion="wanda").fit(net(), np.ones((5, 7), np.float32))
    bad = rows()
    bad[3, 2] = np.nan
    with pytest.raises(EvidenceError, match="not finite"):
        Prune(criterion="wanda").fit(net(), bad)
    with pytest.raises(EvidenceError, match="no rows"):
        Prune(criterion="wanda").fit(net(), bad[:0])
    with pytest.raises(UsageError, match="weights alone cannot be run"):
        Prune(criterion="wanda").fit(open_weights(net()), rows())
    with pytest.raises(UsageError, match="there is no matrix '9'"):
        Prune().fit(net(), names=["9"])
    with pytest.raises(UsageError, match="who reads a channel"):
        Prune(pattern="channels").fit(open_weights(net()))
