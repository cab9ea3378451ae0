"""A network runs on rows, and its layers say what they are given."""

import numpy as np
import pytest


torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from trueup.adapters.network import Network, parts_of, rows_of  # noqa: E402
from trueup.core.errors import EvidenceError, UsageError  # noqa: E402
from trueup.core.weights import Held  # noqa: E402


LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), (5, 7, 4)),
    "conv2d": (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (5, 4, 9, 8)),
    "dilated": (lambda: nn.Conv2d(3, 4, (2, 3), dilation=(2, 1), padding=(0, 2)), (2, 3, 8, 6)),
    "same": (lambda: nn.Conv2d(3, 4, 3, padding="same", padding_mode="circular"), (2, 3, 6, 6)),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3, padding=2, dilation=2, groups=2), (5, 4, 9)),
    "even": (lambda: nn.Conv1d(2, 3, 4, padding="same", padding_mode="replicate"), (2, 2, 9)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_matrix_times_columns_is_the_layer(name):
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    layer = make()
    net, x = Network.of(layer), torch.randn(shape)
    (one,) = net.layers.values()
    columns = one.columns(x).numpy()
    found = np.einsum("god,gnd->gno", one.matrix, columns)
    bias = layer.bias.detach()
    bias = bias if name == "linear" else bias.reshape(-1, *[1] * (len(shape) - 2))
    given = layer(x).detach() - bias
    axis = -1 if name == "linear" else 1
    wanted = given.movedim(axis, -1).reshape(-1, one.groups, one.matrix.shape[1])
    np.testing.assert_allclose(found, wanted.numpy().swapaxes(0, 1), atol=2e-6)


def test_sums_of_what_is_seen_are_those_of_all_rows_at_once():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    x = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
    seen = Network.of(module).seen(x, batch=7)
    inner = module[1](module[0](torch.from_numpy(x))).detach().double().numpy()
    assert seen["0"].rows == seen["2"].rows == 23
    np.testing.assert_allclose(seen["0"].xx[0], x.T.astype(float) @ x, rtol=1e-5)
    np.testing.assert_allclose(seen["2"].xx[0], inner.T @ inner, rtol=1e-5)
    np.testing.assert_allclose(seen["2"].x[0], inner.sum(axis=0), rtol=1e-5)


def test_rows_are_run_in_batches_and_the_given_module_is_left_alone():
    module = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))
    before = module[0].weight.detach().clone()
    net = Network.of(module, {"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)})
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_array_equal(net.run(x, batch=3), np.repeat(x.sum(1, keepdims=True), 2, 1))
    assert module.training and torch.equal(module[0].weight, before)


def test_several_inputs_go_together():
    class Both(nn.Module):
        def forward(self, a, b):
            return (a + b, "more")

    a, b = np.ones((3, 2), np.float32), np.full((3, 2), 2, np.float32)
    net = Network.of(Both())
    for given in ((a, b), {"b": b, "a": a}):
        assert (net.run(given, batch=2) == 3).all()
    with pytest.raises(EvidenceError, match=r"parts have \[2, 3\] rows"):
        rows_of((a, b[:2]))
    assert [len(p["a"]) for p in parts_of({"a": a, "b": b}, 2)] == [2, 1]


def test_weights_of_another_module_are_refused_by_name():
    weights = Held({"0.weight": np.ones((2, 4)), "more": np.ones(2)}, "x.safetensors")
    with pytest.raises(EvidenceError, match=(
        r"x.safetensors is not of this module; tensors 1 missing: 0.bias; 1 not in it: more; "
        r"1 of other shape: 0.weight \(2, 3\) and \(2, 4\)"
    )):  # fmt: skip
        Network.of(nn.Sequential(nn.Linear(3, 2)), weights)


def test_an_architecture_is_a_function_that_makes_a_module(tmp_path, monkeypatch):
    (tmp_path / "nets_here.py").write_text("import torch\nbuild = lambda: torch.nn.Linear(2, 1)\n")
    monkeypatch.chdir(tmp_path)
    assert list(Network.of("nets_here:build").weights) == ["weight", "bias"]
    with pytest.raises(UsageError, match="cannot find 'nets_here:other'"):
        Network.of("nets_here:other")
    with pytest.raises(UsageError, match=r"got 'nets_here'\. Write module:function"):
        Network.of("nets_here")
    with pytest.raises(UsageError, match="it is a dict"):
        Network.of(dict)


def test_bfloat16_weights_go_in_and_out():
    module = nn.Linear(3, 2).bfloat16()
    net = Network.of(nn.Linear(3, 2).bfloat16(), module)
    assert torch.equal(net.module.weight, module.weight)
    assert net.weights["weight"].dtype.name == "bfloat16"


def test_a_buffer_that_the_module_makes_by_itself_may_stand_in_the_file():
    class Places(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(2, 1)
            self.register_buffer("places", torch.arange(3), persistent=False)

    held = {**Places().state_dict(), "places": torch.arange(3)}
    assert (Network.of(Places, held).weights["line.bias"] == held["line.bias"].numpy()).all()
    with pytest.raises(EvidenceError, match="1 not in it: other"):
        Network.of(Places, held | {"other": torch.ones(1)})


def test_a_module_of_the_same_name_in_another_folder_is_another(tmp_path, monkeypatch):
    for width in (2, 3):
        folder = tmp_path / str(width)
        folder.mkdir()
        (folder / "twin_nets.py").write_text(
            f"import torch\n\n\ndef build():\n    return torch.nn.Linear({width}, 1)\n"
        )
        monkeypatch.chdir(folder)
        assert Network.of("twin_nets:build").weights["weight"].shape == (1, width)
