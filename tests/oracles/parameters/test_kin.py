"""Kinship: numbers against slow sums, verdicts on models whose origin is known."""

from __future__ import annotations

import json
from itertools import combinations

import ml_dtypes
import numpy as np
import pytest

from shared_data import shared
from trueup.core.weights import Held, save_weights
from trueup.parameters import kin
from trueup.parameters.merging.kinship import Kinship


def net(seed: int, *, wide: int = 40) -> dict[str, np.ndarray]:
    """A network at its start."""
    rng = np.random.default_rng(seed)
    return {
        "one.weight": rng.normal(size=(wide, 12)).astype(np.float32),
        "one.bias": np.zeros(wide, np.float32), "norm.weight": np.ones(wide, np.float32),
        "two.weight": rng.normal(size=(10, wide)).astype(np.float32),
    }  # fmt: skip


def near(a: dict, size: float, seed: int = 9) -> dict[str, np.ndarray]:
    """``a`` after some training."""
    rng = np.random.default_rng(seed)
    return {
        k: v + np.float32(size) * rng.normal(size=v.shape).astype(v.dtype) for k, v in a.items()
    }


def permuted(a: dict, seed: int = 3) -> dict[str, np.ndarray]:
    """The same network with its neurons in another order."""
    order = np.random.default_rng(seed).permutation(len(a["one.bias"]))
    return {"one.weight": a["one.weight"][order], "one.bias": a["one.bias"][order],
            "norm.weight": a["norm.weight"][order],
            "two.weight": np.ascontiguousarray(a["two.weight"][:, order])}  # fmt: skip


def test_numbers_are_those_of_a_slow_sum():
    a, b, base = net(0), near(net(0), 0.5), near(net(0), 0.3, seed=4)
    found = kin(a, b, base=base)
    for tensor in found.tensors:
        x, y, z = (part[tensor.name].astype(np.float64).ravel() for part in (a, b, base))
        size = np.sqrt(sum(v * v for v in x) * sum(v * v for v in y))
        cosine = sum(p * q for p, q in zip(x, y, strict=True)) / size if size else np.nan
        assert tensor.cosine == pytest.approx(cosine, rel=1e-10, nan_ok=True)
        far = np.linalg.norm(y - x) / np.linalg.norm(x) if x.any() else np.nan
        assert tensor.distance == pytest.approx(far, rel=1e-10, nan_ok=True)
        if x.std() and y.std():
            assert tensor.correlation == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-9)
            assert tensor.z == pytest.approx(tensor.correlation * np.sqrt(len(x)))
        assert tensor.signs == pytest.approx(np.mean(np.sign(x - z) == np.sign(y - z)))
        deltas = np.corrcoef(np.array([x - z, y - z]))[0, 1]
        assert tensor.delta_cosine == pytest.approx(deltas, abs=0.2)
    flat = [
        np.concatenate([part[n].ravel() for n in a]).astype(np.float64) for part in (a, b, base)
    ]
    x, y = flat[0] - flat[2], flat[1] - flat[2]
    assert found.delta_cosine == pytest.approx(x @ y / np.sqrt(x @ x * (y @ y)), rel=1e-10)
    assert found.signs == pytest.approx(np.mean(x * y > 0), rel=1e-10)


@pytest.mark.parametrize("size", [0.05, 0.3, 1.0])
def test_one_start(size):
    assert kin(net(0), near(net(0), size)).verdict is Kinship.SAME_START


def test_the_same():
    assert kin(net(0), net(0)).verdict is Kinship.IDENTICAL
    assert kin(net(0), {k: v.astype(np.float64) for k, v in net(0).items()}).verdict == "identical"


def test_unrelated_ones_look_like_chance():
    """Of 200 pairs |z| > 2 in about one of 22, and none is called kin."""
    z = []
    for seed in range(200):
        found = kin(net(seed), net(seed + 1_000))
        assert found.verdict is Kinship.UNRELATED
        z.append(found.tensors[0].z)
    assert 0.85 < np.std(z) < 1.15
    assert np.mean(np.abs(z) > 2) < 0.1


def test_a_permuted_copy_is_known():
    found = kin(net(0), permuted(net(0)))
    assert found.verdict is Kinship.REORDERED
    assert abs(found.cosine) < 0.2
    assert "align" in found.verdict.sentence
    assert kin(permuted(net(0)), net(0)).verdict is Kinship.REORDERED
    assert kin(net(0), near(permuted(net(0)), 0.1)).verdict is Kinship.UNRELATED


def test_some_tensors():
    mixed = net(0) | {"two.weight": net(5)["two.weight"]}
    assert kin(net(0), mixed).verdict is Kinship.PARTLY


def test_other_shapes():
    found = kin(net(0), net(0, wide=30))
    assert found.verdict is Kinship.OTHER_SHAPE
    assert "4 tensors differ in shape: one.weight (40, 12) and (30, 12), " in found.notes[0]
    found = kin(net(0), {f"v{i}": np.ones(2) for i in range(7)})
    assert found.notes[1] == "7 tensors are in b alone: v0, v1, v2, v3, v4 and 2 more."
    assert "4 tensors are in a alone" in found.notes[0]


def test_tied_in_one_alone():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(20, 8))
    a = {"embed": table, "middle": rng.normal(size=(20, 8)), "head": table.copy()}
    b = near(a, 0.1)
    assert kin(a, b).notes == ("'embed' and 'head' are tied in a alone: a merge would untie them.",)
    assert kin(b, a).notes == ("'embed' and 'head' are tied in b alone: a merge would untie them.",)
    both = b | {"head": b["embed"]}
    assert kin(a, both).notes == ()
    ones = {"norm1": np.ones(9), "norm2": np.ones(9)}
    assert kin(ones, near(ones, 0.1)).notes == ()


def test_numbers_that_are_not_finite_are_named():
    bad = near(net(0), 0.1)
    bad["two.weight"][0, :3] = np.nan
    bad["one.bias"][1] = np.inf
    found = kin(net(0), bad)
    assert found.notes == (
        "NaN or infinite numbers in one.bias of b (1 of 40), two.weight of b (3 of 400).",
    )
    assert found.verdict is Kinship.SAME_START
    json.dumps(found.to_dict(), allow_nan=False)


def test_types():
    half = {k: v.astype(ml_dtypes.bfloat16) for k, v in net(0).items()}
    found = kin(net(0), half)
    assert found.verdict is Kinship.SAME_START
    assert found.notes[0].startswith("4 tensors differ in type: one.weight F32 and BF16, one.bias")


def test_a_base_that_is_none():
    found = kin(net(0), near(net(0), 0.1), base=net(7))
    assert "base is unrelated to model a: differences from it mean little." in found.notes
    assert kin(net(0), near(net(0), 0.1), base=near(net(0), 0.1, seed=2)).notes == ()
    assert kin(net(0), net(0), base={"x": np.ones(1)}).notes == (
        "base has no matrix in common with the models.",
    )


def test_files_larger_than_a_piece(tmp_path):
    rng = np.random.default_rng(0)
    a = {"w": rng.normal(size=(1_300, 1_000)).astype(np.float32)}
    order = rng.permutation(1_300)
    for name, arrays in {"a": a, "b": {"w": a["w"][order]}}.items():
        save_weights(Held(arrays), tmp_path / f"{name}.safetensors")
    found = kin(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert found.verdict is Kinship.REORDERED
    assert found.cosine == pytest.approx(
        np.vdot(*(x.astype(np.float64) for x in (a["w"], a["w"][order]))) / np.vdot(a["w"], a["w"]),
        abs=1e-7,
    )


def test_nothing_to_judge_by():
    assert kin({"n": np.arange(3)}, {"n": np.arange(3)}).verdict is Kinship.UNKNOWN
    assert kin({"w": np.zeros((9, 9))}, {"w": np.zeros((9, 9))}).verdict is Kinship.IDENTICAL


def test_seven_public_networks():
    """Three authors used one seed; nets of other repositories are strangers (measured before)."""
    zoo = shared("parameters/mnist-lenet-zoo")
    files = {path.stem: path for path in zoo.rglob("*.safetensors")}
    one_seed = {"ahraza", "lawrencemmstewart", "stianhanssen"}
    far_back = {*one_seed, "chengyuhsieh"}, {"ethanabrooks_0noise", "ethanabrooks_1noise"}
    for a, b in combinations(sorted(files), 2):
        found = kin(files[a], files[b])
        fc1 = next(t for t in found.tensors if t.name == "fc1.weight")
        if {a, b} <= one_seed:
            assert found.verdict is Kinship.SAME_START
            assert fc1.cosine > 0.999 - 5e-4
        elif any({a, b} <= group for group in far_back):
            assert found.verdict is Kinship.PARTLY
        else:
            assert found.verdict is Kinship.UNRELATED
            assert abs(fc1.cosine) <= 0.002 + 5e-4
