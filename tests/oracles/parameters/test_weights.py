"""Proof of weights: against the same score by hand, and outcomes on worlds whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

import trueup as tu


torch = pytest.importorskip("torch")

from digits import build, held_out, trained  # noqa: E402
from trueup.adapters.network import Network  # noqa: E402
from trueup.core import Outcome  # noqa: E402
from trueup.core.errors import EvidenceError, LeakageError, UsageError  # noqa: E402
from trueup.core.weights import Held, calibrated_on, save_weights  # noqa: E402
from trueup.parameters import Trial, merge, prove_weights  # noqa: E402


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial(*held_out(), arch=build)


def losses(weights: dict) -> np.ndarray:
    """Log loss of every held-out row, by torch."""
    images, labels = held_out()
    net = build()
    net.load_state_dict({n: torch.from_numpy(v) for n, v in weights.items()})
    with torch.no_grad():
        logits = net(torch.from_numpy(images)).double()
    return torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(labels), reduction="none"
    ).numpy()


def rounded(weights: dict, bits: int) -> dict:
    """Weights on a grid of so many bits a tensor."""
    size = {n: np.abs(v).max() / (2 ** (bits - 1) - 1) for n, v in weights.items()}
    return {n: (np.round(v / size[n]) * size[n]).astype(v.dtype) for n, v in weights.items()}


def test_numbers_are_those_of_torch(trial):
    before, after = trained(0, 40), trained(0)
    made = tu.prove(before, after, on=trial)
    one, two = losses(before), losses(after)
    assert made.before.value == pytest.approx(one.mean(), rel=1e-6)
    assert made.after.value == pytest.approx(two.mean(), rel=1e-6)
    assert made.difference.value == pytest.approx((two - one).mean(), rel=1e-6)
    error = (two - one).std(ddof=1) / math.sqrt(len(one))
    half = (made.difference.high - made.difference.low) / 2
    assert half == pytest.approx(1.97 * error, rel=0.25)  # 128 groups of rows estimate it to 6 %
    assert (made.outcome, made.proven_on, made.score) == (Outcome.PROVEN, 900, "log_loss")


def test_each_outcome(trial):
    good = trained(0)
    assert tu.prove(good, good, on=trial).outcome is Outcome.NO_IMPROVEMENT
    assert tu.prove(good, good, on=trial, margin=1e-6).outcome is Outcome.NOT_WORSE
    assert tu.prove(good, rounded(good, 8), on=trial, margin=0.01).outcome is Outcome.NOT_WORSE
    assert tu.prove(good, rounded(good, 2), on=trial, margin=0.01).outcome is Outcome.NO_IMPROVEMENT
    broken = good | {"0.bias": np.full(32, np.nan, np.float32)}
    lost = tu.prove(good, broken, on=trial)
    assert lost.outcome is Outcome.NONFINITE
    assert math.isnan(lost.difference.value)
    few = Trial(*(part[:20] for part in held_out()), arch=build)
    assert tu.prove(good, trained(1), on=few).outcome is Outcome.NOT_ENOUGH_EVIDENCE


def test_accuracy(trial):
    made = tu.prove(trained(0, 20), trained(0), on=trial, score="accuracy")
    images, labels = held_out()
    for side, weights in ((made.before, trained(0, 20)), (made.after, trained(0))):
        found = Network.of(build, weights).run(images).argmax(1) == labels
        assert side.value == pytest.approx(found.mean())
    assert made.outcome is Outcome.PROVEN


def test_the_same_from_files_modules_and_memory(trial, tmp_path):
    save_weights(Held(trained(0)), tmp_path / "a.safetensors")
    module = build()
    module.load_state_dict({n: torch.from_numpy(v) for n, v in trained(0).items()})
    sides = (trained(0), tmp_path / "a.safetensors", module, Network(module))
    made = [tu.prove(trained(1), side, on=trial).difference for side in sides]
    assert len(set(made)) == 1


def test_a_merge_is_proven(trial):
    merged = merge([trained(0), trained(1)])
    assert "unrelated" in merged.warnings[0]
    assert tu.prove(trained(0), merged, on=trial).outcome is Outcome.NO_IMPROVEMENT


def test_rows_that_a_calibration_saw_are_refused(tmp_path):
    images, labels = held_out()
    told = calibrated_on(images[:100])
    save_weights(Held(trained(0), metadata=told), tmp_path / "a.safetensors")
    on = Trial(images, labels, arch=build)
    with pytest.raises(LeakageError, match="calibrated on 100 of the 900 rows of 'on'"):
        tu.prove(trained(1), tmp_path / "a.safetensors", on=on)
    with pytest.raises(LeakageError, match="calibrated on 100 of"):
        tu.prove(tmp_path / "a.safetensors", trained(1), on=on)
    merged = merge([trained(1), tmp_path / "a.safetensors"])
    with pytest.raises(LeakageError, match="calibrated on 100 of"):
        tu.prove(trained(1), merged, on=on)
    rest = Trial(images[100:], labels[100:], arch=build)
    assert tu.prove(trained(1), tmp_path / "a.safetensors", on=rest).learned_on == 100


class Regression(torch.nn.Module):
    """Two numbers from two inputs by their names."""

    def __init__(self, wide: int = 2):
        super().__init__()
        self.layer = torch.nn.Linear(2, wide)

    def forward(self, left, right):
        return self.layer(torch.stack([left, right], dim=1))


@pytest.mark.parametrize("wide", [1, 2])
def test_numbers_are_judged_by_their_error(wide):
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(400, 2)), rng.normal(size=(400, wide))
    good = {
        "layer.weight": np.ones((wide, 2), np.float32),
        "layer.bias": np.zeros(wide, np.float32),
    }
    bad = good | {"layer.bias": np.full(wide, 2, np.float32)}
    truth = x.sum(axis=1)[:, None] + noise
    on = Trial({"left": x[:, 0], "right": x[:, 1]}, truth if wide > 1 else truth[:, 0],
               arch=lambda: Regression(wide))  # fmt: skip
    made = tu.prove(bad, good, on=on)
    assert made.score == "mae"
    assert made.after.value == pytest.approx(np.abs(noise).mean(), rel=1e-5)
    assert made.outcome is Outcome.PROVEN
    assert tu.prove(bad, good, on=on, score="rmse").after.value == pytest.approx(
        np.sqrt((noise**2).mean()), rel=1e-5
    )


class Text(torch.nn.Module):
    """The next token by the last one alone."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(5, 5)

    def forward(self, tokens):
        return self.table(tokens)


def test_tokens_of_a_sequence_are_a_cluster():
    """A loss that is common to a sequence has an interval as wide as that of few sequences."""
    rng = np.random.default_rng(0)
    tokens = np.repeat(rng.integers(0, 5, size=(60, 1)), 41, axis=1)  # one token all along
    inputs, truth = tokens[:, :-1], tokens[:, 1:].copy()
    truth[:, -3:] = -100
    before = {"table.weight": np.zeros((5, 5), np.float32)}
    after = {"table.weight": rng.normal(size=(5, 5)).astype(np.float32) + 2 * np.eye(5, dtype="f4")}
    on = Trial(inputs, truth, arch=Text)
    made = tu.prove(before, after, on=on)
    logits = torch.from_numpy(after["table.weight"]).double()
    by_token = torch.nn.functional.cross_entropy(logits, torch.arange(5), reduction="none").numpy()
    each = by_token[tokens[:, 0]]
    assert made.before.value == pytest.approx(math.log(5))
    assert made.after.value == pytest.approx(each.mean())
    half = (made.after.high - made.after.low) / 2
    assert half == pytest.approx(2 * each.std(ddof=1) / math.sqrt(60), rel=0.2)
    assert made.proven_on == 60 * 37
    share = tu.prove(before, after, on=on, score="accuracy").after.value
    assert share == pytest.approx(
        (logits.argmax(1) == torch.arange(5)).numpy()[tokens[:, 0]].mean()
    )


def test_one_column_is_an_event():
    x = np.random.default_rng(0).normal(size=(300, 3))
    on = Trial(x, (x[:, 0] > 0).astype(int), arch=lambda: torch.nn.Linear(3, 1))
    before = {"weight": np.zeros((1, 3), np.float32), "bias": np.zeros(1, np.float32)}
    made = tu.prove(before, before | {"weight": np.float32([[3, 0, 0]])}, on=on)
    assert made.before.value == pytest.approx(math.log(2))
    assert made.outcome is Outcome.PROVEN


def test_misuse(trial):
    images, labels = held_out()
    good = trained(0)
    cases = (
        (Trial(images, labels), UsageError, "no module that they belong to"),
        (Trial(images[:, :5], labels, arch=build), EvidenceError, "cannot run on inputs float32"),
        (Trial({"x": images}, labels, arch=build), EvidenceError, "cannot run on x float32"),
        (Trial(images, labels + 1, arch=build), EvidenceError, "from 1 to 10, the module has 10"),
        (Trial(images, labels / 2, arch=build), EvidenceError, r"gives \('n', 10\) for a truth"),
        (Trial(images, labels, arch=torch.nn.Linear(64, 10)), EvidenceError, "not of this module"),
        (Trial(images, labels, arch="nowhere:build"), UsageError, "cannot find 'nowhere:build'"),
        (Trial(images, labels, arch=3), UsageError, "it is a int"),
    )  # fmt: skip
    for on, kind, message in cases:
        with pytest.raises(kind, match=message):
            tu.prove(good, good, on=on)
    with pytest.raises(UsageError, match="there is no measure 'loss'"):
        tu.prove(good, good, on=trial, score="loss")
    with pytest.raises(UsageError, match=r"mae is of points or .*, the module gives probabilities"):
        tu.prove(good, good, on=trial, score="mae")
    with pytest.raises(UsageError, match="margin is -1"):
        prove_weights(good, good, on=trial, margin=-1)
