"""Checkpoints of torch and ONNX are read number for number; what needs code is never run."""

from __future__ import annotations

import os
import pickle

import ml_dtypes
import numpy as np
import pytest
import safetensors.torch


torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from trueup.core.errors import EvidenceError  # noqa: E402
from trueup.core.weights import open_weights, save_weights  # noqa: E402


def tensors() -> dict:
    """A state dict with layers of many kinds."""
    torch.manual_seed(0)
    layers = (torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 3))
    state = torch.nn.Sequential(*layers).state_dict()
    return state | {
        "half": torch.randn(5).half(), "short": torch.randn(3, 2).bfloat16(),
        "turned": torch.arange(6.0).reshape(2, 3).T, "double": torch.randn(2).double(),
        "scalar": torch.tensor(2.5), "nothing": torch.zeros(0, 3), "flag": torch.tensor([True]),
        "bytes": torch.arange(4, dtype=torch.uint8),
    }  # fmt: skip


def same(weights, state) -> None:
    """Every tensor, bit for bit, in the same order."""
    assert list(weights) == list(state)
    for name, tensor in state.items():
        found = weights[name]
        assert found.shape == tuple(tensor.shape)
        wanted = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        assert np.ascontiguousarray(found).tobytes() == wanted, name


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("under", [(), ("state_dict",), ("model",), ("model", "state_dict")])
def test_a_state_dict_is_read_bit_for_bit(tmp_path, zipped, under):
    state = saved = tensors()
    for key in under:
        saved = {key: saved, "epoch": 3, "optimizer": {"lr": 0.1}}
    torch.save(saved, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    weights = open_weights(tmp_path / "a.pt")
    same(weights, state)
    save_weights(weights, tmp_path / "b.safetensors")
    back = safetensors.torch.load_file(tmp_path / "b.safetensors")
    assert all(torch.equal(back[n], t) and back[n].dtype == t.dtype for n, t in state.items())


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_eight_bits(tmp_path, kind):
    state = {"w": torch.randn(7).to(kind)}
    torch.save(state, tmp_path / "a.pth")
    same(open_weights(tmp_path / "a.pth"), state)
    same(open_weights(state), state)


def test_what_is_no_tensor_is_told(tmp_path):
    torch.save({"w": torch.ones(2), "epoch": 3, "lr": 0.1}, tmp_path / "a.bin")
    weights = open_weights(tmp_path / "a.bin")
    assert list(weights) == ["w"]
    assert weights.metadata == {"left_out": "epoch, lr"}


def test_a_module_in_memory():
    module = torch.nn.Linear(3, 2)
    same(open_weights(module), module.state_dict())
    assert open_weights(module).source == "Linear"


class Evil:
    """What a stranger may put into a pickle."""

    def __init__(self, place) -> None:
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_refused_and_not_run(tmp_path, zipped):
    never = tmp_path / "never"
    torch.save({"w": Evil(never)}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(EvidenceError, match=r"without running code that it names: posix.mkdir; "):
        open_weights(tmp_path / "a.pt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(EvidenceError, match=r"nn.modules.linear.Linear.* torch.save\(model.state"):
        open_weights(tmp_path / "a.pt")
    assert not never.exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_bare_pickle_is_refused(tmp_path, protocol):
    with (tmp_path / "a.bin").open("wb") as file:
        pickle.dump({"w": np.ones(3)}, file, protocol=protocol)
    with pytest.raises(EvidenceError, match="save it as safetensors"):
        open_weights(tmp_path / "a.bin")


def test_a_program_is_refused(tmp_path):
    with pytest.warns(DeprecationWarning):
        torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "a.pt")
    with pytest.raises(EvidenceError, match="is a TorchScript program"):
        open_weights(tmp_path / "a.pt")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.999])
def test_a_file_that_is_cut_off(tmp_path, zipped, share):
    path = tmp_path / "a.pt"
    torch.save(tensors(), path, _use_new_zipfile_serialization=zipped)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(EvidenceError, match="is no torch checkpoint, or was cut off"):
        open_weights(path)


def test_what_holds_no_tensors_by_name(tmp_path):
    for what in ([torch.ones(2)], {"epoch": 3}, torch.ones(2)):
        torch.save(what, tmp_path / "a.pt")
        with pytest.raises(EvidenceError, match=r"a.pt holds (a list|a Tensor|no tensors by name)"):
            open_weights(tmp_path / "a.pt")


def test_a_tensor_that_is_no_array(tmp_path):
    torch.save({"w": torch.eye(3).to_sparse()}, tmp_path / "a.pt")
    with pytest.raises(EvidenceError, match="'w' is a tensor that is sparse, quantised"):
        open_weights(tmp_path / "a.pt")


def model(*arrays) -> onnx.ModelProto:
    """An ONNX model of these initialisers."""
    made = [onnx.numpy_helper.from_array(a, f"w{i}") for i, a in enumerate(arrays)]
    return onnx.helper.make_model(onnx.helper.make_graph([], "net", [], [], made))


def test_initialisers_are_read(tmp_path):
    rng = np.random.default_rng(0)
    short = rng.normal(size=4).astype(ml_dtypes.bfloat16)
    wanted = [rng.normal(size=(3, 2)).astype(np.float32), np.float16(2.5).reshape(()),
              np.zeros((0, 2)), np.arange(3), short]  # fmt: skip
    onnx.save(model(*wanted), tmp_path / "a.onnx")
    weights = open_weights(tmp_path / "a.onnx")
    for name, array in zip(weights, wanted, strict=True):
        assert weights[name].dtype == array.dtype
        assert weights[name].shape == array.shape
        assert weights[name].tobytes() == array.tobytes()


def test_initialisers_beside_the_file(tmp_path):
    path, big = tmp_path / "a.onnx", np.arange(3_000, dtype=np.float32)
    kept = {"save_as_external_data": True, "location": "a.data", "size_threshold": 10}
    onnx.save(model(big), path, **kept)
    assert np.array_equal(open_weights(path)["w0"], big)
    inside = onnx.load(path, load_external_data=False)
    inside.graph.initializer[0].external_data[0].value = "../../etc/passwd"
    path.write_bytes(inside.SerializeToString())
    with pytest.raises(EvidenceError, match="points outside the directory"):
        open_weights(path)


@pytest.mark.parametrize("raw", [b"garbage" * 9, b""])
def test_what_is_no_model(tmp_path, raw):
    (tmp_path / "a.onnx").write_bytes(raw)
    with pytest.raises(EvidenceError, match=r"no ONNX model, or was cut|holds no initialisers"):
        open_weights(tmp_path / "a.onnx")
