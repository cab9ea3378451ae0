"""Ternary differences: a loop that sorts, bits by hand, and a file that is really small."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trueup.parameters.merging.stack
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.safetensors import read_safetensors
from trueup.core.weights.view import Held
from trueup.core.weights.written import save_weights
from trueup.parameters import open_ternary, save_ternary, ternary
from trueup.parameters.merging.rice import encoded, last_bits


def pair(dtype=np.float32, n: int = 200, seed: int = 0):
    """A base and a model that was made from it."""
    rng = np.random.default_rng(seed)
    base = {"a": rng.normal(size=(n, 150)).astype(dtype), "b": rng.normal(size=7).astype(dtype)}
    near = {
        k: (v.astype("f4") + 0.1 * rng.normal(size=v.shape)).astype(dtype) for k, v in base.items()
    }
    return {**base, "steps": np.array(3)}, {**near, "steps": np.array(9)}


def entropy(density: float) -> float:
    """Bits a number needs at least: where it stays, and its sign."""
    d = density
    return -d * np.log2(d) - (1 - d) * np.log2(1 - d) + d


@given(st.sets(st.integers(0, 400)), st.floats(0.005, 0.9), st.integers(0, 2**32))
def test_any_positions_come_back(places, density, seed):
    rising = np.array(sorted(places), dtype=np.int64)
    ups = np.random.default_rng(seed).random(len(rising)) < 0.5
    found, signs = encoded(rising, ups, density).decoded()
    assert np.array_equal(found, rising) and np.array_equal(signs > 0, ups)


def test_bits_of_a_code_by_hand():
    """Gaps 5 and 2 with one last bit: 00 1 and 0 1, then 1 and 0, then the signs 1 and 0."""
    code = encoded(np.array([5, 8]), np.array([True, False]), 0.3)
    assert code.row == (2, 1, 1)
    assert np.unpackbits(code.data).reshape(3, 8)[:, :5].tolist() == [
        [0, 0, 1, 0, 1], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]]  # fmt: skip


@pytest.mark.parametrize("density", [0.01, 0.05, 0.1, 0.2, 0.5])
def test_no_other_number_of_last_bits_is_shorter(density):
    """Mean length of a geometric gap's code: b + 1 / (1 - (1 - d)^(2^b))."""
    lengths = [b + 1 / (1 - (1 - density) ** 2**b) for b in range(12)]
    assert lengths[last_bits(density)] == pytest.approx(min(lengths), rel=1e-3)


@pytest.mark.parametrize("scale", [None, 1.5])
def test_signs_of_the_largest_by_a_loop(scale):
    base, tuned = pair()
    made = ternary(tuned, base, density=0.2, scale=scale)
    for name in ("a", "b"):
        tau = (tuned[name] - base[name]).ravel()
        order = np.argsort(-np.abs(tau), kind="stable")[: round(0.2 * tau.size)]
        worth = np.abs(tau[order]).mean() if scale is None else scale * tau.std()
        wanted = np.zeros_like(tau)
        wanted[order] = np.sign(tau[order]) * worth
        assert made[name].ravel() == pytest.approx(base[name].ravel() + wanted, rel=1e-5, abs=1e-6)
    assert made["steps"] == 3


def test_the_mean_magnitude_has_the_least_squared_error():
    base, tuned = pair()
    made = ternary(tuned, base, density=0.2)

    def error(factor: float) -> float:
        added = (made["a"] - base["a"]) * factor
        return float(np.sum((tuned["a"] - base["a"] - added) ** 2))

    assert error(1) < min(error(0.99), error(1.01))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_a_file_gives_back_every_byte(dtype, tmp_path, monkeypatch):
    base, tuned = pair(dtype)
    made = ternary(tuned, base, density=0.1)
    path = save_ternary(made, tmp_path / "patch.safetensors")
    monkeypatch.setattr(trueup.parameters.merging.stack, "PIECE", 64)
    again, pieces = open_ternary(path, base), ternary(tuned, base, density=0.1)
    for name in made:
        assert again[name].tobytes() == made[name].tobytes() == pieces[name].tobytes()
        assert (again[name].dtype, again[name].shape) == (base[name].dtype, base[name].shape)
    assert np.array_equal(again.read("a", 100, 900), made["a"].reshape(-1)[100:900])


@pytest.mark.parametrize("density", [0.05, 0.1, 0.2, 0.5])
def test_the_file_is_as_much_smaller_as_the_paper_says(density, tmp_path):
    """8 to 50 times beside 16-bit numbers, within 4 % of what any code of chance needs.

    16-bit differences are often equally large, so that somewhat more stay than were asked for.
    """
    base, tuned = pair(ml_dtypes.bfloat16, n=6000)
    whole = save_weights(Held(tuned), tmp_path / "whole.safetensors")[0].stat().st_size
    made = ternary(tuned, base, density=density)
    path = save_ternary(made, tmp_path / "patch.safetensors")
    packed = path.stat().st_size
    tau = np.sort(np.abs(tuned["a"].astype("f4") - base["a"].astype("f4")).ravel())[::-1]
    stays = made.codes["a"].count / tau.size
    assert made.codes["a"].count == np.count_nonzero(tau >= tau[round(density * tau.size) - 1])
    assert 8 < whole / packed < 50
    assert 8 * packed < 1.04 * entropy(stays) * 900_000 + 8 * 400
    assert {spec.type for spec in read_safetensors(path).specs.values()} == {"U8"}


def test_no_difference_is_no_code(tmp_path):
    base, _ = pair()
    made = ternary(base, base)
    assert all(code.count == 0 for code in made.codes.values())
    again = open_ternary(save_ternary(made, tmp_path / "none.safetensors"), base)
    assert all(np.array_equal(again[name], base[name]) for name in base)


def test_other_files_and_bases_are_refused(tmp_path):
    base, tuned = pair()
    path = save_ternary(ternary(tuned, base), tmp_path / "patch.safetensors")
    with pytest.raises(EvidenceError, match=r"has no tensor 'b' of shape \(7,\)"):
        open_ternary(path, {**base, "b": np.ones(8, np.float32)})
    other = save_weights(Held(base), tmp_path / "other.safetensors")[0]
    with pytest.raises(EvidenceError, match="holds no ternary differences"):
        open_ternary(other, base)
    packed = read_safetensors(path)
    rows = json.loads(packed.metadata["tensors"])
    rows["b"][0] += 1
    lie = {**packed.metadata, "tensors": json.dumps(rows)}
    bad = save_weights(
        Held({n: packed[n] for n in packed}, metadata=lie), tmp_path / "bad.safetensors"
    )
    with pytest.raises(EvidenceError, match="a code has 1 positions, 2 are announced"):
        _ = open_ternary(bad[0], base)["b"]


def test_settings_that_make_no_sense_are_refused():
    base, tuned = pair()
    with pytest.raises(UsageError, match="density is 0"):
        ternary(tuned, base, density=0)
    with pytest.raises(UsageError, match="scale is -1"):
        ternary(tuned, base, scale=-1)
