"""Layer-wise least squares against stacked rows solved by numpy, one layer after another."""

from __future__ import annotations

import numpy as np
import pytest


torch = pytest.importorskip("torch")

from merging_nets import SHAPES, made, mlp, rows  # noqa: E402
from trueup.adapters.network import Network  # noqa: E402
from trueup.adapters.neurons import find_neurons  # noqa: E402
from trueup.core import EvidenceError, UsageError  # noqa: E402
from trueup.core.weights import open_weights  # noqa: E402
from trueup.parameters import PLeaS, merge, permuted  # noqa: E402


def stacked(x, y, prior, *, bias, ridge):
    """Least squares with rows of zeros added for the ridge; the intercept is free."""
    n, d = x.shape
    by_row = np.sqrt(ridge * (x.var(0) if bias else (x**2).mean(0)).mean() * n)
    one = np.ones((n, 1)) if bias else np.zeros((n, 0))
    left = np.block([[x, one], [by_row * np.eye(d), np.zeros((d, one.shape[1]))]])
    right = np.concatenate([y, by_row * prior.T])
    found = np.linalg.lstsq(left, right, rcond=None)[0]
    return found[:d].T, found[d:].ravel()


def test_layers_of_an_mlp_are_solved_one_after_another():
    one, two, x = mlp(5, 8, 7, 3), mlp(5, 8, 7, 3), rows("mlp", 300)
    shares, ridge = [0.3, 0.7], 0.05
    found = merge([one, two], shares=shares, method=PLeaS(one, x, align="none", ridge=ridge))
    now, *paths = (x.astype(np.float64) for _ in range(3))
    for at in (0, 2, 4):
        layers = [(net[at].weight.detach().numpy(), net[at].bias.detach().numpy())
                  for net in (one, two)]  # fmt: skip
        said = [p @ w.T + b for p, (w, b) in zip(paths, layers, strict=True)]
        wanted = shares[0] * said[0] + shares[1] * said[1]
        prior = shares[0] * layers[0][0] + shares[1] * layers[1][0]
        w, b = stacked(now, wanted, prior, bias=True, ridge=ridge)
        assert found[f"{at}.weight"] == pytest.approx(w, abs=1e-4)
        assert found[f"{at}.bias"] == pytest.approx(b, abs=1e-4)
        now, paths = np.maximum(now @ w.T + b, 0), [np.maximum(s, 0) for s in said]


def test_a_convolution_is_solved_over_the_numbers_under_its_window():
    one, two, x = made("lenet", 0), made("lenet", 1), rows("lenet", 40)
    found = merge([one, two], method=PLeaS(one, x, align="none", ridge=0.02))
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 3), axis=(1, 2))
    under = windows.reshape(-1, 9).astype(np.float64)
    layers = [(n.conv1.weight.detach().numpy().reshape(6, 9), n.conv1.bias.detach().numpy())
              for n in (one, two)]  # fmt: skip
    wanted = np.mean([under @ w.T + b for w, b in layers], axis=0)
    w, b = stacked(under, wanted, np.mean([w for w, _ in layers], axis=0), bias=True, ridge=0.02)
    assert found["conv1.weight"].reshape(6, 9) == pytest.approx(w, abs=1e-4)
    assert found["conv1.bias"] == pytest.approx(b, abs=1e-4)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_network_and_a_permuted_one_become_the_network(kind):
    net, x = made(kind), rows(kind, 60)
    neurons = find_neurons(net, x)
    rng = np.random.default_rng(1)
    orders = {group.name: rng.permutation(group.size) for group in neurons.groups}
    other = permuted(net, orders, arch=net, on=x)
    for by in ("weights", "activations"):
        merged = merge([net, other], method=PLeaS(net, x, align=by))
        assert Network.of(net, merged).run(x) == pytest.approx(Network.of(net).run(x), abs=2e-4)


def test_a_batch_norm_gives_the_mean_of_what_those_of_the_models_give():
    one, two, x = made("resnet", 0), made("resnet", 1), rows("resnet", 12)
    merged = Network.of(one, merge([one, two], method=PLeaS(one, x, align="none", ridge=1e-6)))
    with torch.inference_mode():
        given = torch.from_numpy(x)
        wanted = np.mean([net.bn1(net.conv1(given)).numpy() for net in (one, two)], axis=0)
        found = merged.module.bn1(merged.module.conv1(given)).numpy()
        before = merged.module.conv1(given).movedim(1, -1).reshape(-1, 16).double().numpy()
    # Both convolutions are linear in the same inputs, and so the mean can be met.
    assert found == pytest.approx(wanted, abs=1e-3)
    assert merged.module.bn1.running_mean.numpy() == pytest.approx(before.mean(0), abs=1e-4)
    assert merged.module.bn1.running_var.numpy() == pytest.approx(before.var(0), rel=1e-3)


def test_layers_that_do_not_fit_into_memory_are_run_again(monkeypatch):
    one, two, x = made("lenet", 0), made("lenet", 1), rows("lenet", 600)
    kept = merge([one, two], method=PLeaS(one, x))
    monkeypatch.setattr("trueup.parameters.merging.layerwise.KEPT", 0)
    again = merge([one, two], method=PLeaS(one, x))
    assert all((kept[name] == again[name]).all() for name in kept)


def test_what_cannot_be_done_is_refused():
    net = mlp(5, 8, 3)
    with pytest.raises(UsageError, match="align is 'luck'"):
        PLeaS(net, rows("mlp"), align="luck")
    with pytest.raises(UsageError, match="ridge is 0"):
        PLeaS(net, rows("mlp"), ridge=0)
    with pytest.raises(EvidenceError, match="no rows"):
        merge([net, net], method=PLeaS(net, rows("mlp")[:0]))["0.weight"]


def test_settings_are_told_in_the_file_without_rows():
    net, x = mlp(5, 8, 3), rows("mlp")
    told = merge([net, net], method=PLeaS(net, x)).metadata["merged_by"]
    assert told == "PLeaS(align='activations', ridge=0.03, seed=0)"
    assert open_weights(net).source == "Sequential"
