"""Fisher information against a loop over rows and classes, and against the closed form."""

from __future__ import annotations

import numpy as np
import pytest


torch = pytest.importorskip("torch")

from merging_nets import made, rows  # noqa: E402
from trueup.core import EvidenceError, UsageError  # noqa: E402
from trueup.core.weights import open_weights, save_weights  # noqa: E402
from trueup.parameters import Fisher, fisher_information, merge  # noqa: E402


def looped(net, x) -> dict:
    """A gradient a row and class, one after another."""
    total = {name: np.zeros(p.shape) for name, p in net.named_parameters()}
    for row in torch.from_numpy(x):
        logs = torch.log_softmax(net(row[None]), 1)[0]
        for log in logs:
            grads = torch.autograd.grad(log, list(net.parameters()), retain_graph=True)
            for name, grad in zip(total, grads, strict=True):
                total[name] += log.exp().item() * grad.double().numpy() ** 2
    return {name: t / len(x) for name, t in total.items()}


@pytest.mark.parametrize("kind", ["mlp", "lenet", "resnet"])
def test_it_is_the_loop_over_rows_and_classes(kind):
    net, x = made(kind), rows(kind, 8)
    found, wanted = fisher_information(net, arch=net, on=x, draws=0), looped(net, x)
    assert set(found) == set(wanted)
    for name in wanted:
        largest = wanted[name].max()
        assert found[name] == pytest.approx(wanted[name], rel=1e-3, abs=1e-5 * largest), name


def test_of_logistic_regression_it_is_the_closed_form():
    torch.manual_seed(0)
    net, x = torch.nn.Linear(5, 3), rows("mlp", 50)
    p = torch.softmax(net(torch.from_numpy(x)), 1).detach().numpy()
    found = fisher_information(net, arch=net, on=x, draws=0)
    assert found["bias"] == pytest.approx((p * (1 - p)).mean(0), abs=1e-5)
    assert found["weight"] == pytest.approx((p * (1 - p)).T @ x**2 / len(x), abs=1e-5)


def test_drawn_labels_come_to_it_within_their_error():
    net, x = made("mlp"), rows("mlp", 30)
    exact = fisher_information(net, arch=net, on=x, draws=0)
    drawn = [fisher_information(net, arch=net, on=x, draws=20, seed=s) for s in range(20)]
    for name in exact:
        values = np.array([one[name] for one in drawn], np.float64)
        error = values.std(0, ddof=1) / np.sqrt(len(values)) + 1e-9
        assert (np.abs(values.mean(0) - exact[name]) / error < 5).all()
    again = fisher_information(net, arch=net, on=x, draws=20, seed=3)
    assert all((again[name] == drawn[3][name]).all() for name in exact)


def test_the_merge_is_the_weighted_mean_also_from_files(tmp_path):
    one, two, x = made("lenet", 0), made("lenet", 1), rows("lenet", 12)
    infos = [fisher_information(net, arch=net, on=x, draws=0) for net in (one, two)]
    for i, info in enumerate(infos):
        save_weights(info, tmp_path / f"{i}.safetensors")
    files = [tmp_path / f"{i}.safetensors" for i in range(2)]
    found = merge([one, two], shares=[1, 3], method=Fisher(files, damping=0.5))
    every = np.concatenate([info[name].ravel() for info in infos for name in info])
    delta, a, b = 0.5 * every.mean(dtype=np.float64), open_weights(one), open_weights(two)
    for name in found:
        f, g = (infos[0][name] + delta), 3 * (infos[1][name] + delta)
        assert found[name] == pytest.approx((f * a[name] + g * b[name]) / (f + g), abs=1e-6)


def test_equal_importances_and_large_dampings_are_the_average():
    one, two, x = made("mlp", 0), made("mlp", 1), rows("mlp", 12)
    info = fisher_information(one, arch=one, on=x, draws=0)
    other = fisher_information(two, arch=two, on=x, draws=0)
    plain = merge([one, two])
    for method in (Fisher([info, info]), Fisher([info, other], damping=1e9)):
        found = merge([one, two], method=method)
        assert all(found[name] == pytest.approx(plain[name], abs=1e-5) for name in plain)


def test_tensors_without_importance_are_averaged():
    one, two = {"a": np.ones(2), "b": np.ones(2)}, {"a": np.zeros(2), "b": np.zeros(2)}
    infos = [{"a": np.ones(2)}, {"a": 3 * np.ones(2)}]
    found = merge([one, two], method=Fisher(infos, damping=0.0))
    assert found["a"] == pytest.approx([0.25, 0.25]) and found["b"] == pytest.approx([0.5, 0.5])


def test_what_cannot_be_done_is_refused():
    one = {"a": np.ones(2)}
    with pytest.raises(UsageError, match="1 importances for 2 models"):
        merge([one, one], method=Fisher([one]))
    with pytest.raises(UsageError, match="damping is -1"):
        merge([one, one], method=Fisher([one, one], damping=-1))
    with pytest.raises(EvidenceError, match="not all >= 0"):
        merge([one, one], method=Fisher([one, {"a": -np.ones(2)}]))["a"]
    with pytest.raises(EvidenceError, match="missing or not of shape"):
        merge([one, one], method=Fisher([one, {"a": np.ones(3)}]))["a"]
