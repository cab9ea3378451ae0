"""Packed tensors are what their parts say, on disk as in memory."""

import json

import numpy as np
import pytest

from trueup.core.errors import EvidenceError
from trueup.core.weights import Held, open_weights, save_weights
from trueup.core.weights.packed import KEY, Packed
from trueup.core.weights.packings import Codes, LowRank, Sparse, Sum
from trueup.core.weights.packings.bits import packed_bits, unpacked_bits


def some_codes(bits: int, *, rows: int = 7, columns: int = 13, width: int = 0, seed: int = 0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2**bits, (rows, columns)).astype(np.uint8)
    groups = -(-columns // width) if width else 1
    return codes, rng.normal(size=(rows, groups)).astype(np.float16)


@pytest.mark.parametrize("bits", range(1, 9))
def test_bits_lie_end_to_end_as_in_a_slow_loop(bits):
    codes, _ = some_codes(bits)
    found = packed_bits(codes, bits)
    text = "".join(format(code, f"0{bits}b")[::-1] for code in codes.ravel().tolist())
    text += "0" * (-len(text) % 8)
    wanted = [int(text[i : i + 8][::-1], 2) for i in range(0, len(text), 8)]
    assert found.tolist() == wanted and len(found) == -(-codes.size * bits // 8)
    assert (unpacked_bits(found, bits, codes.size) == codes.ravel()).all()


@pytest.mark.parametrize("width", (0, 4))
@pytest.mark.parametrize("offset", (False, True))
def test_codes_are_scale_times_level_plus_offset(width, offset):
    codes, scale = some_codes(3, width=width)
    add = (scale * 2).astype(np.float16) if offset else None
    values = Codes((7, 13), 3, codes, scale, add, width=width).values()
    for row in range(7):
        for column in range(13):
            group = column // (width or 13)
            level = float(codes[row, column]) - (0 if offset else 4)
            wanted = np.float32(scale[row, group]) * np.float32(level)
            wanted += np.float32(add[row, group]) if offset else np.float32(0)
            assert values[row, column] == wanted


def test_levels_stand_for_codes():
    levels = np.float32([-1, 0.1, 5, 7])
    codes = np.uint8([[0, 3], [2, 1]])
    found = Codes((2, 1, 2), 2, codes, np.float16([[1], [2]]), levels=levels).values()
    np.testing.assert_array_equal(found, np.float32([[[-1, 7]], [[10, 0.2]]]))


def made(bits: int = 3, kind: type = np.float32) -> Packed:
    codes, scale = some_codes(bits, width=4)
    thin = np.random.default_rng(1).normal(size=(13, 2)).astype(np.float16)
    sum_ = Sum((7, 13), (Codes((7, 13), bits, codes, scale, width=4),
                         LowRank((7, 13), thin[:7], thin.T)))  # fmt: skip
    holes = np.where(np.arange(24).reshape(2, 3, 4) % 3 == 0, np.arange(24).reshape(2, 3, 4), 0)
    rest = Held({"a": np.zeros((7, 13), kind), "b": np.arange(3), "c": holes.astype(np.float32),
                 "d": np.ones((2, 2), np.float16)}, metadata={"format": "pt"})  # fmt: skip
    return Packed({"a": sum_, "c": Sparse.dense(rest["c"])}, rest, {"by": "a test"})


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("kind", (np.float32, np.float16))
def test_a_file_gives_back_what_was_packed(tmp_path, bits, kind):
    packed = made(bits, kind)
    save_weights(packed, tmp_path / "small.safetensors")
    found = open_weights(tmp_path / "small.safetensors")
    assert list(found) == list(packed) and found.specs == packed.specs
    for name in packed:
        assert found[name].dtype == packed[name].dtype
        np.testing.assert_array_equal(found[name], packed[name])
    assert found.metadata == {"format": "pt", "by": "a test"}
    # Written again it is the same file.
    save_weights(found, tmp_path / "again.safetensors")
    first, second = ((tmp_path / f"{n}.safetensors").read_bytes() for n in ("small", "again"))
    assert first == second


def test_a_file_is_as_small_as_its_parts(tmp_path):
    rng = np.random.default_rng(0)
    rest = Held({"w": rng.normal(size=(512, 512)).astype(np.float32)})
    codes, scale = some_codes(3, rows=512, columns=512)
    packed = Packed({"w": Codes((512, 512), 3, codes, scale)}, rest)
    (path,) = save_weights(packed, tmp_path / "w.safetensors")
    parts = 512 * 512 * 3 // 8 + 512 * 2
    assert packed.stored.bytes == parts and parts <= path.stat().st_size <= parts + 512
    assert packed.bytes == rest.bytes == 512 * 512 * 4


def test_pieces_of_a_packed_tensor_are_those_of_the_whole():
    packed = made()
    whole = packed["a"].ravel()
    np.testing.assert_array_equal(np.concatenate(list(packed.pieces("a", 10))), whole)
    np.testing.assert_array_equal(packed.read("a", 5, 9), whole[5:9])


@pytest.mark.parametrize("rows", ('{"a": {"kind": "evil"}}', "[]", "no json"))
def test_a_file_that_lies_of_its_packing_is_refused(tmp_path, rows):
    file = Held({"a#codes": np.zeros(3, np.uint8)}, metadata={KEY: rows})
    save_weights(file, tmp_path / "x.safetensors")
    with pytest.raises(EvidenceError, match="says how it is packed, and cannot be read so"):
        open_weights(tmp_path / "x.safetensors")


def test_parts_of_the_wrong_size_are_refused(tmp_path):
    packed = made()
    (path,) = save_weights(packed, tmp_path / "x.safetensors")
    rows = json.loads(packed.stored.metadata[KEY])
    rows["a"]["facts"]["terms"][0]["facts"]["columns"] = 14
    stored = packed.stored
    arrays = {name: stored[name] for name in stored}
    save_weights(Held(arrays, metadata={KEY: json.dumps(rows)}), path)
    found = open_weights(path)
    with pytest.raises(EvidenceError, match="cannot be read so: a: 7 rows of 14 codes of 3 bits"):
        found["a"]
