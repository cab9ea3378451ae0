"""Weights against the library that defined the files, and against files that lie."""

from __future__ import annotations

import json
import os

import ml_dtypes
import numpy as np
import pytest

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import Held, open_weights, save_weights
from trueup.core.weights.view import PIECE
from trueup.core.weights.written import header


reference = pytest.importorskip("safetensors.numpy")

TYPES = [np.bool_, np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64,
         np.uint64, np.float16, np.float32, np.float64, ml_dtypes.bfloat16,
         ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]  # fmt: skip


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """A tensor of every type, a scalar, an empty one, and names that are not ASCII."""
    rng = np.random.default_rng(seed)
    made = {np.dtype(t).name: rng.normal(size=(3, 5)).astype(t) for t in TYPES}
    return made | {"scalar": np.array(1.5), "empty": np.zeros((0, 4), np.float32),
                   "ünï.код": rng.normal(size=(2, 1, 3)).astype(np.float32)}  # fmt: skip


def same(found, wanted) -> None:
    """Names, types, shapes and every bit."""
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


def plain(made: dict) -> dict:
    """Those that NumPy's side of the reference knows."""
    return {name: a for name, a in made.items() if not name.startswith("float8")}


def test_files_of_the_reference_are_read_bit_for_bit(tmp_path):
    wanted = plain(arrays())
    reference.save_file(wanted, tmp_path / "a.safetensors", metadata={"format": "pt"})
    weights = open_weights(tmp_path / "a.safetensors")
    same(weights, wanted)
    assert weights.metadata == {"format": "pt"}
    parts = np.concatenate(list(weights.pieces("float32", 4)))
    assert np.array_equal(parts, wanted["float32"].ravel())


def test_our_files_are_read_by_the_reference(tmp_path):
    wanted = plain(arrays())
    save_weights(Held(wanted, metadata={"b": "2", "a": "1"}), tmp_path / "a.safetensors")
    same(reference.load_file(tmp_path / "a.safetensors"), wanted)
    from safetensors import safe_open

    with safe_open(tmp_path / "a.safetensors", "np") as file:
        assert file.metadata() == {"a": "1", "b": "2"}


def test_torch_reads_and_writes_what_numpy_has_no_type_for(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    wanted = {n: a for n, a in arrays().items() if n.startswith(("float8", "bfloat"))}
    save_weights(Held(wanted), tmp_path / "a.safetensors")
    read = load_file(tmp_path / "a.safetensors")
    for name, array in wanted.items():
        assert read[name].view(torch.uint8).numpy().tobytes() == array.tobytes()
    save_file(read, tmp_path / "b.safetensors")
    same(open_weights(tmp_path / "b.safetensors"), wanted)


def test_the_same_weights_make_the_same_bytes_in_their_order(tmp_path):
    made = Held(arrays(), metadata={"z": "1", "a": "2"})
    for name in "ab":
        save_weights(made, tmp_path / f"{name}.safetensors")
    one, two = ((tmp_path / f"{n}.safetensors").read_bytes() for n in "ab")
    assert one == two
    assert list(open_weights(tmp_path / "a.safetensors")) == list(made)


@pytest.mark.parametrize("shard", [1, 150, 10**9])
def test_shards(tmp_path, shard):
    wanted, told = arrays(), []
    files = save_weights(
        Held(wanted), tmp_path / "model", shard=shard, told=lambda *s: told.append(s)
    )
    same(open_weights(tmp_path / "model"), wanted)
    same(open_weights(tmp_path / "model" / "model.safetensors.index.json"), wanted)
    for file in files:
        if not any(name.startswith("float8") for name in open_weights(file)):
            same(reference.load_file(file), {name: wanted[name] for name in open_weights(file)})
    total = sum(a.nbytes for a in wanted.values())
    assert told[-1] == (total, total)
    assert files[-1].name == f"model-{len(files):05d}-of-{len(files):05d}.safetensors"


def test_a_large_tensor_comes_in_pieces(tmp_path):
    wide = {"w": np.arange(PIECE * 2 + 5, dtype=np.float32)}
    save_weights(Held(wide), tmp_path / "a.safetensors")
    weights = open_weights(tmp_path / "a.safetensors")
    assert [len(piece) for piece in weights.pieces("w")] == [PIECE, PIECE, 5]
    assert weights.read("w", PIECE - 1, PIECE + 1).tolist() == [PIECE - 1, PIECE]


def written(path, rows: object, data: bytes = b"") -> None:
    """A file with this header, whatever it says."""
    text = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
LIES = {
    "no JSON": (b"{", "no JSON object"),
    "a list": ([], "no JSON object"),
    "a name twice": (b'{"w": 1, "w": 2}', "names each tensor once"),
    "no shape": ({"w": {"dtype": "F32", "data_offsets": [0, 8]}}, "says of 'w'"),
    "no object": ({"w": 3}, "says of 'w'"),
    "negative shape": ({"w": F32 | {"shape": [-1, -2]}}, "says of 'w'"),
    "a shape of parts": ({"w": F32 | {"shape": [2.0]}}, "says of 'w'"),
    "a shape of truths": ({"w": F32 | {"shape": [True, 2]}}, "says of 'w'"),
    "a shape in words": ({"w": F32 | {"shape": "2"}}, "says of 'w'"),
    "a type in a list": ({"w": F32 | {"dtype": ["F32"]}}, "says of 'w'"),
    "an unknown type": ({"w": F32 | {"dtype": "F4"}}, "a tensor of type 'F4'"),
    "three offsets": ({"w": F32 | {"data_offsets": [0, 4, 8]}}, "says of 'w'"),
    "negative offsets": ({"w": F32 | {"data_offsets": [-8, 0]}}, "says of 'w'"),
    "another size": ({"w": F32 | {"shape": [3]}}, r"gives 'w' \(F32 \(3,\)\) 8 bytes, it needs 12"),
    "backwards": ({"w": F32 | {"data_offsets": [8, 0]}}, "gives 'w'"),
    "a huge shape": ({"w": F32 | {"shape": [2**62, 2**62]}}, "gives 'w'"),
    "a gap": ({"w": F32 | {"data_offsets": [4, 12]}}, "'w' begins at byte 4 and the tensor befor"),
    "an overlap": ({"v": F32, "w": F32 | {"data_offsets": [4, 12]}}, "'w' begins at byte 4"),
    "metadata": ({"__metadata__": {"a": 1}, "w": F32}, "metadata of .* are no texts"),
    "metadata in a list": ({"__metadata__": [], "w": F32}, "metadata of .* are no texts"),
    "more than it says": ({"w": F32 | {"shape": [1], "data_offsets": [0, 4]}}, "12 bytes after"),
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie_are_refused(tmp_path, lie):
    rows, message = LIES[lie]
    written(tmp_path / "a.safetensors", rows, bytes(16))
    with pytest.raises(EvidenceError, match=message):
        open_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize("length", [0, 4, 8, 60, -1])
def test_files_that_are_cut_off(tmp_path, length):
    path = tmp_path / "a.safetensors"
    save_weights(Held(arrays()), path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(EvidenceError, match=r"cut off"):
        open_weights(path)


def test_a_file_that_is_cut_off_later(tmp_path):
    path = tmp_path / "a.safetensors"
    save_weights(Held({"w": np.ones(100)}), path)
    weights = open_weights(path)
    os.truncate(path, path.stat().st_size - 8)
    with pytest.raises(EvidenceError, match="is cut off"):
        weights["w"]


def test_a_header_that_claims_to_be_endless(tmp_path):
    (tmp_path / "a.safetensors").write_bytes((2**60).to_bytes(8, "little") + b"{}")
    with pytest.raises(EvidenceError, match="is no safetensors file"):
        open_weights(tmp_path / "a.safetensors")


INDICES = {
    "out of its folder": ({"weight_map": {"w": "../a.safetensors"}}, "names '../a.safetensors'"),
    "from the root": ({"weight_map": {"w": "/etc/passwd"}}, "names '/etc/passwd'"),
    "its folder": ({"weight_map": {"w": ".."}}, r"names '\.\.'"),
    "a number": ({"weight_map": {"w": 3}}, "names '3'"),
    "not there": ({"weight_map": {"w": "b.safetensors"}}, "1 of 1 shards .* are not there: b.safe"),
    "not in it": ({"weight_map": {"v": "a.safetensors"}}, "holds 1 tensors that it has not: v"),
    "no map": ({"metadata": {}}, "is no index of shards"),
    "a list": ([1], "is no index of shards"),
    "no index": ({"weight_map": 3}, "is no index of shards"),
}


@pytest.mark.parametrize("case", INDICES)
def test_indices_that_lie_are_refused(tmp_path, case):
    rows, message = INDICES[case]
    save_weights(Held({"w": np.ones(2)}), tmp_path / "a.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(rows))
    with pytest.raises(EvidenceError, match=message):
        open_weights(tmp_path / "model.safetensors.index.json")


def test_a_tensor_in_two_shards(tmp_path):
    for name in "ab":
        save_weights(Held({"w": np.ones(2), name: np.ones(1)}), tmp_path / f"{name}.safetensors")
    rows = {"weight_map": {"w": "a.safetensors", "b": "b.safetensors"}}
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps(rows))
    with pytest.raises(EvidenceError, match=r"'w' is in a.safetensors and in b.safetensors"):
        open_weights(tmp_path)


class Full(Held):
    """Weights whose second tensor meets a full disk."""

    def read(self, name, start, stop):
        if name == "w2":
            raise OSError(28, "No space left on device")
        return super().read(name, start, stop)


@pytest.mark.parametrize("shard", [0, 8])
def test_a_full_disk_leaves_what_was_there(tmp_path, shard):
    target = tmp_path / ("out" if shard else "out.safetensors")
    old = Held({"w1": np.zeros(2), "w2": np.zeros(2)})
    save_weights(old, target, shard=shard)
    before = {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()}
    with pytest.raises(OSError, match="No space left"):
        save_weights(Full({"w1": np.ones(2), "w2": np.ones(2)}), target, shard=shard)
    assert {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()} == before
    with pytest.raises(OSError, match="No space left"):
        new = tmp_path / ("new" if shard else "new.safetensors")
        save_weights(Full({"w1": np.ones(2), "w2": np.ones(2)}), new, shard=shard)
    left = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert set(left) == set(before)


def test_other_sources(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones(3), v=np.zeros((2, 2), np.float32))
    same(open_weights(tmp_path / "a.npz"), dict(np.load(tmp_path / "a.npz")))
    np.savez(tmp_path / "b.npz", w=np.array([{}], dtype=object))
    with pytest.raises(EvidenceError, match=r"b.npz cannot be read"):
        open_weights(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", w=np.array(["a"]))
    with pytest.raises(EvidenceError, match="'w' is a ndarray of type <U1"):
        open_weights(tmp_path / "c.npz")
    (tmp_path / "d.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-40])
    with pytest.raises(EvidenceError, match=r"d.npz cannot be read"):
        open_weights(tmp_path / "d.npz")


def test_misuse(tmp_path):
    for source, message in (
        (tmp_path / "no.safetensors", "there is no"),
        (tmp_path, "holds 0 safetensors files and no index"),
        (3, "got int"),
    ):
        with pytest.raises(UsageError, match=message):
            open_weights(source)
    (tmp_path / "a.gguf").touch()
    with pytest.raises(UsageError, match=r"'a.gguf' is no known kind"):
        open_weights(tmp_path / "a.gguf")
    with pytest.raises(UsageError, match=r"the file is 'a.bin'"):
        save_weights(Held({}), tmp_path / "a.bin")
    with pytest.raises(UsageError, match="memory has no tensor 'v'"):
        Held({"w": np.ones(1)})["v"]


def test_the_header_ends_where_eight_bytes_end():
    for name in ("w", "wide", "wider"):
        assert len(header(Held({name: np.ones(1)}).specs, {})) % 8 == 0
