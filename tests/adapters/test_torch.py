"""The module computes what ``Fitted.apply`` computes, in batches, and leaves with the network."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

from adapters.formulas import CLASSES, cases, fitted, of_every_node
from corrections import number_evidence
from trueup.adapters.torch import Corrected, Correction
from trueup.calibration import SpreadScaling
from trueup.core import Probabilities
from trueup.core.errors import MissingPackage, UsageError
from trueup.core.expressions import Expr, Input, Scaled, Sorted, operate
from trueup.core.fitted import AbstractMap, Fitted
from trueup.core.forms import Form
from trueup.core.rows import Rows


@pytest.mark.parametrize(("name", "kind"), cases())
def test_from_logits(name, kind):
    made = fitted(name, kind)
    z = np.random.default_rng(0).normal(0, 4, (200, CLASSES[kind]))
    meant = made.apply(Probabilities.from_logits(z))
    got = Correction(made)(torch.tensor(z))
    assert got.numpy() == pytest.approx(meant.log_probs(), rel=1e-10, abs=1e-10)
    small = Correction(made, returns="probs")(torch.tensor(z, dtype=torch.float32))
    assert small.dtype is torch.float32
    near = made.apply(Probabilities.from_logits(z.astype(np.float32))).probs
    assert np.median(np.abs(small.numpy() - near)) < 1e-6


@pytest.mark.parametrize(("name", "kind"), cases())
def test_from_probabilities(name, kind):
    made, event = fitted(name, kind), kind == "event"
    said = Probabilities.from_logits(
        np.random.default_rng(1).normal(0, 4, (200, CLASSES[kind]))
    ).probs
    said = np.vstack([said, np.eye(CLASSES[kind])[:2]])
    given = said[:, 1:] if event else said
    meant = made.apply(Probabilities(given[:, 0] if event else given)).probs
    got = Correction(made, given="probs", returns="probs")(torch.tensor(given)).numpy()
    assert got == pytest.approx(meant[:, 1:] if event else meant, abs=1e-12)


def test_one_column_is_an_event():
    made = fitted("PlattScaling", "event")
    z = np.linspace(-6, 6, 9)[:, None]
    meant = made.apply(Probabilities.from_logits(np.hstack([np.zeros_like(z), z]))).probs[:, 1:]
    probs = Correction(made, returns="probs")(torch.tensor(z)).numpy()
    odds = Correction(made, returns="logits")(torch.tensor(z)).numpy()
    assert probs == pytest.approx(meant, abs=1e-12)
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(meant, abs=1e-12)


@pytest.mark.parametrize("name", ["TemperatureScaling", "IsotonicCalibration", "BetaCalibration"])
def test_it_is_exported_with_any_batch(name):
    module = Correction(fitted(name, "three"))
    z = torch.randn(11, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = ({0: torch.export.Dim("rows")},)
    program = torch.export.export(module, (z,), dynamic_shapes=rows).module()
    assert torch.equal(program(z[:4]), module(z[:4]))


def test_it_has_nothing_to_train_and_moves_with_the_network():
    network = torch.nn.Linear(4, 3)
    whole = Corrected(network, fitted("VectorScaling", "three"))
    assert {id(p) for p in whole.parameters()} == {id(p) for p in network.parameters()}
    assert not any(b.requires_grad for b in whole.buffers())
    assert {b.dtype for b in whole.half().correction.buffers()} == {torch.float16}
    x = torch.ones(2, 4, dtype=torch.float32, requires_grad=True)
    whole.float()(x).sum().backward()
    assert x.grad is not None
    again = Corrected(torch.nn.Linear(4, 3), fitted("VectorScaling", "three"))
    again.load_state_dict(whole.state_dict())
    assert torch.equal(again(x), whole(x))


class Made(AbstractMap):
    """A map with every kind of node."""

    def expression(self, logs: Expr) -> Expr:
        whole = of_every_node(event=False, k=logs.width).expression

        def moved(node: Expr) -> Expr:
            return logs if getattr(node, "op", "") == "log_prob" else _rebuilt(node, moved)

        return operate("log", moved(whole))

    @property
    def parameters(self) -> dict[str, float]:
        return {}


def _rebuilt(node: Expr, change) -> Expr:
    """The node with other parents."""
    if isinstance(node, Input):
        return node
    made = object.__new__(type(node))
    for name, value in vars(node).items():
        if isinstance(value, Expr):
            value = change(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], Expr):
            value = tuple(map(change, value))
        object.__setattr__(made, name, value)
    return made


def test_groups_and_features_go_in_beside():
    rng = np.random.default_rng(3)
    probs = rng.dirichlet(np.ones(3), 40)
    keys = np.array(["a", "it's", "1.0", "", "new", None], dtype=object)[rng.integers(0, 6, 40)]
    features = rng.normal(size=(40, 2))
    made = Fitted("Made", Made(), Form("probabilities", 3), Rows(np.zeros(0, np.uint64)))
    module = Correction(made, given="probs", returns="probs")
    further = {"the group": module.group_numbers("the group", keys),
               "features": torch.tensor(features)}  # fmt: skip
    got = module(torch.tensor(probs), *(further[name] for name in module.beside)).numpy()
    meant = of_every_node(event=False, k=3)(probs, **{"the group": keys, "features": features})
    assert got == pytest.approx(meant, abs=1e-12)
    with pytest.raises(UsageError, match=r"0 inputs beside the values. Pass the group, features"):
        module(torch.tensor(probs))


def test_bad_input():
    made = fitted("TemperatureScaling", "three")
    with pytest.raises(UsageError, match=r"values have shape \(2, 4\). Pass \(n, 3\)"):
        Correction(made)(torch.zeros(2, 4))
    with pytest.raises(UsageError, match=r"given is 'odds'. Use logits or probs"):
        Correction(made, given="odds")


def test_a_missing_package_names_the_extra(monkeypatch):
    import importlib
    import sys

    for name in ("trueup.adapters.torch", "trueup.adapters.steps"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingPackage, match=r"torch is not installed.*\"trueup\[torch\]\""):
        importlib.import_module("trueup.adapters.torch")


def test_only_corrections_of_probabilities_are_modules():
    made = SpreadScaling().fit(number_evidence("normal"))
    with pytest.raises(
        UsageError, match=r"SpreadScaling corrects normal into normal\. Pass a corr"
    ):
        Correction(made)


def test_order_roots_and_limits_are_those_of_numpy():
    class Strange(AbstractMap):
        parameters: ClassVar[dict] = {}

        def expression(self, logs: Expr) -> Expr:
            root = operate("sqrt", operate("multiply", logs, logs))
            return operate("greatest", Sorted(root), operate("least", logs, Scaled(logs, 0.5, 1.0)))

    made = Fitted("Strange", Strange(), Form("probabilities", 3), Rows(np.zeros(0, np.uint64)))
    z = np.random.default_rng(0).normal(0, 3, (50, 3))
    got = Correction(made)(torch.tensor(z)).numpy()
    assert got == pytest.approx(made.apply(Probabilities.from_logits(z)).log_probs(), abs=1e-10)
