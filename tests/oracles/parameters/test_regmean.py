"""RegMean against the fit to stacked outputs, and its two ends."""

from __future__ import annotations

import numpy as np
import pytest


torch = pytest.importorskip("torch")

from merging_nets import made, mlp, rows  # noqa: E402
from trueup.core import UsageError  # noqa: E402
from trueup.parameters import RegMean, merge  # noqa: E402


def test_without_shrinking_it_is_least_squares_on_what_both_layers_give():
    torch.manual_seed(0)
    one, two = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    x, z = rows("mlp", 40, 0), 2 * rows("mlp", 40, 1) + 1
    found = merge([one, two], method=RegMean(one, [x, z], shrink=0.0))
    w, v = (layer.weight.detach().numpy().astype(np.float64) for layer in (one, two))
    wanted = np.linalg.lstsq(np.concatenate([x, z]), np.concatenate([x @ w.T, z @ v.T]))[0].T
    assert found["weight"] == pytest.approx(wanted, abs=1e-4)
    assert found["bias"] == pytest.approx(merge([one, two])["bias"])


def test_fully_shrunk_it_is_a_mean_by_squares_of_inputs():
    one, two = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    x, z = rows("mlp", 40, 0), 2 * rows("mlp", 40, 1)
    found = merge([one, two], shares=[1, 3], method=RegMean(one, [x, z], shrink=1.0))
    a, b = (x**2).mean(0), 3 * (z**2).mean(0)
    w, v = (layer.weight.detach().numpy() for layer in (one, two))
    assert found["weight"] == pytest.approx((a * w + b * v) / (a + b), abs=1e-5)


@pytest.mark.parametrize("kind", ["mlp", "lenet", "joined", "resnet"])
def test_the_same_model_twice_is_that_model(kind):
    net, x = made(kind), rows(kind, 60)
    found = merge([net, net], method=RegMean(net, x))
    own = net.state_dict()
    for name in found:
        assert found[name] == pytest.approx(own[name].numpy(), abs=1e-3), name


def test_groups_of_a_convolution_are_solved_apart():
    one, two = (torch.nn.Sequential(torch.nn.Conv1d(4, 6, 3, groups=2)) for _ in range(2))
    x, z = (np.random.default_rng(s).normal(size=(20, 4, 9)).astype(np.float32) for s in (0, 1))
    found = merge([one, two], method=RegMean(one, [x, z], shrink=0.0))["0.weight"]
    for g in (0, 1):
        parts, said = [], []
        for net, given in ((one, x), (two, z)):
            windows = np.lib.stride_tricks.sliding_window_view(given[:, 2 * g : 2 * g + 2], 3, 2)
            under = windows.transpose(0, 2, 1, 3).reshape(-1, 6)
            w = net[0].weight.detach().numpy()[3 * g : 3 * g + 3].reshape(3, 6)
            parts.append(under)
            said.append(under @ w.T)
        wanted = np.linalg.lstsq(np.concatenate(parts), np.concatenate(said))[0].T
        assert found[3 * g : 3 * g + 3].reshape(3, 6) == pytest.approx(wanted, abs=1e-4)


def test_what_cannot_be_done_is_refused():
    net, x = mlp(5, 8, 3), rows("mlp")
    with pytest.raises(UsageError, match="shrink is 2"):
        RegMean(net, x, shrink=2)
    with pytest.raises(UsageError, match="3 lists of rows for 2 models"):
        merge([net, net], method=RegMean(net, [x, x, x]))
