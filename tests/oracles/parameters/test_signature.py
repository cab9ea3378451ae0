"""Signatures of weights: differences by hand, orthogonal where projected, on and off again."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights.opened import open_weights
from trueup.core.weights.written import save_weights
from trueup.parameters import patch, signature


def models(many: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [
        {"conv.weight": rng.normal(size=(3, 4)), "bn.bias": rng.normal(size=3),
         "fc.weight": rng.normal(size=7), "bn.steps": np.array(i)} for i in range(many)
    ]  # fmt: skip


def test_differences_of_the_chosen_tensors():
    robust, standard = models(2)
    found = signature(robust, standard, where=("conv*", "bn*"))
    assert list(found) == ["conv.weight", "bn.bias"]
    for name in found:
        assert np.array_equal(
            found[name], (robust[name] - standard[name]).astype(found[name].dtype)
        )


def test_what_both_learned_is_projected_away():
    robust, standard, base = models(3)
    found = signature(robust, standard, base=base)
    for name in found:
        learned = (standard[name] - base[name]).ravel()
        moved = (robust[name] - base[name]).ravel()
        wanted = moved - learned * (moved @ learned) / (learned @ learned)
        assert found[name].ravel() == pytest.approx(wanted, rel=1e-12)
        assert found[name].ravel() @ learned == pytest.approx(0, abs=1e-12)


def test_a_standard_model_that_learned_nothing_has_nothing_to_project():
    robust, base = models(2)
    found = signature(robust, base, base=base)["fc.weight"]
    assert found == pytest.approx(robust["fc.weight"] - base["fc.weight"])


def test_a_patch_is_linear_adds_up_and_comes_off():
    robust, other, standard, target = models(4)
    one, two = signature(robust, standard, where=("conv*",)), signature(other, standard)
    both, turned = (patch(patch(target, a), b) for a, b in ((one, two), (two, one)))
    for name in target:
        assert both[name] == pytest.approx(turned[name], rel=1e-12)
        assert np.array_equal(patch(target, one, scale=0)[name], target[name])
        off = patch(patch(target, two, scale=0.7), two, scale=-0.7)
        assert off[name] == pytest.approx(target[name], rel=1e-12)
    assert patch(standard, one)["conv.weight"] == pytest.approx(robust["conv.weight"])
    assert np.array_equal(patch(standard, one)["fc.weight"], standard["fc.weight"])


def test_a_signature_is_a_small_file(tmp_path):
    robust, standard, target = models(3)
    found = signature(robust, standard, where=("bn*",))
    save_weights(found, tmp_path / "bn.safetensors")
    read = open_weights(tmp_path / "bn.safetensors")
    assert read.metadata["signature_where"] == "bn*" and read.bytes == 24
    assert np.array_equal(patch(target, read)["bn.bias"], patch(target, found)["bn.bias"])


def test_types_of_the_model_are_kept():
    robust, standard = ({"w": np.float16(v)} for v in ([1, 2], [0.5, 2]))
    made = patch({"w": np.float16([3, 3])}, signature(robust, standard))["w"]
    assert made.dtype == np.float16 and made.tolist() == [3.5, 3]


def test_what_does_not_fit_is_refused():
    robust, standard = models(2)
    with pytest.raises(UsageError, match=r"no tensor fits \('head\*',\)"):
        signature(robust, standard, where=("head*",))
    with pytest.raises(UsageError, match=r"Pass a list: \('conv\*',\)"):
        signature(robust, standard, where="conv*")
    with pytest.raises(EvidenceError, match="has 1 of 3 tensors not, or in another shape"):
        patch({**standard, "fc.weight": np.ones(3)}, signature(robust, standard))
    with pytest.raises(UsageError, match="scale is nan"):
        patch(standard, signature(robust, standard), scale=np.nan)
