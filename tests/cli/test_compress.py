"""A checkpoint becomes smaller on the command line, and plain again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cli.shell import quick, run
from trueup.core.weights import Held, open_weights, save_weights


NET = """
from torch import nn

def build():
    return nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a net, its weights, and inputs."""
    place = tmp_path_factory.mktemp("compress")
    (place / "net.py").write_text(NET)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(64, 96), torch.nn.ReLU(), torch.nn.Linear(96, 10))
    save_weights(open_weights(net), place / "m.safetensors")
    x = np.random.default_rng(0).normal(size=(120, 64)).astype(np.float32)
    np.savez(place / "x.npz", x=x)
    np.savez(place / "narrow.npz", x=x[:, :9])
    np.savez(place / "few.npz", x=x[:3])
    return place


def test_codes_and_factors_and_plain_again(folder):
    done = run(
        folder, "compress", "m.safetensors", "--bits", 3, "--compensate", "eora", "--rank", 4,
        "--calibration", "x.npz", "--arch", "net:build", "--out", "s.safetensors",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("m.safetensors: 28,840 bytes -> ")
    assert "2 of 4 tensors packed" in lines[0]
    assert lines[1] == "  quantised: 3 bits, a scale a row, nearest rounding"
    assert lines[2] == "  compensated: eora, rank 4"
    assert lines[3].startswith("  squared error of the layers' outputs, relative: middle ")
    assert "trueup prove m.safetensors s.safetensors" in lines[-1]
    small = open_weights(folder / "s.safetensors")
    assert small.stored.bytes < 28_840 / 4
    assert (folder / "s.safetensors").stat().st_size < 28_840 / 3
    done = quick(folder, "compress", "s.safetensors", "--decompress", "--out", "p.safetensors")
    assert (done.code, done.err) == (0, "")
    plain = open_weights(folder / "p.safetensors")
    assert type(plain).__name__ == "Safetensors" and plain.bytes == 28_840
    assert all(np.array_equal(plain[name], small[name]) for name in plain)


def test_half_of_the_weights_two_of_four(folder):
    done = quick(
        folder, "compress", "m.safetensors", "--prune", 0.5, "--criterion", "wanda", "--pattern",
        "2:4", "--calibration", "x.npz", "--arch", "net:build", "--out", "w.safetensors",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert "pruned: 50.0% by wanda, 2:4" in done.out
    w = open_weights(folder / "w.safetensors")["0.weight"]
    assert ((w != 0).reshape(-1, 4).sum(1) == 2).all()


def test_magnitude_needs_no_module_and_leaves_the_rest(folder):
    done = quick(
        folder, "compress", "m.safetensors", "--prune", 0.9, "--only", "0.*", "--out",
        "o.safetensors",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert "1 of 4 tensors packed" in done.out and "layers' weights" in done.out
    old, new = (open_weights(folder / f"{n}.safetensors") for n in "mo")
    assert np.array_equal(old["2.weight"], new["2.weight"])


def test_half_precision_and_order_of_the_file_stay(folder):
    old = open_weights(folder / "m.safetensors")
    half = {name: old[name].astype(np.float16) for name in reversed(list(old))}
    save_weights(Held(half), folder / "half.safetensors")
    done = quick(
        folder, "compress", "half.safetensors", "--prune", 0.5, "--criterion", "wanda",
        "--calibration", "x.npz", "--arch", "net:build", "--out", "hs.safetensors",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    new = open_weights(folder / "hs.safetensors")
    assert list(new) == list(half) and {spec.type for spec in new.specs.values()} == {"F16"}
    assert new.stored.bytes == (64 * 96 + 96 * 10) * (1 + 1 / 8) + 106 * 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "Pass one of --bits and --prune"),
        (["--bits", 3, "--prune", 0.5], 2, "or twice"),
        (["--prune", 1.5], 2, "share is 1.5"),
        (["--prune", 0.5, "--criterion", "wanda"], 2, "wanda needs inputs"),
        (["--bits", 3, "--calibration", "x.npz"], 2, "Pass --arch"),
        (["--bits", 3, "--compensate", "eora", "--arch", "net:build"], 2, "eora needs inputs"),
        (["--bits", 3, "--calibration", "no.npz", "--arch", "net:build"], 2, "there is no no.npz"),
        (["--bits", 3, "--calibration", "m.safetensors", "--arch", "net:build"], 3, "be read"),
        (
            ["--bits", 3, "--calibration", "narrow.npz", "--arch", "net:build"],
            3, r"cannot run inputs of shape (120, 9)",
        ),
        (
            ["--bits", 3, "--compensate", "eora", "--calibration", "few.npz", "--arch",
             "net:build"],
            3, "was given 3 rows and the rank is 32",
        ),
        (["--bits", 3, "--only", "9"], 2, "there is no matrix '9'"),
        (["--decompress"], 2, "is not compressed"),
    ],
)  # fmt: skip
def test_what_is_refused(folder, words, code, said):
    done = quick(folder, "compress", "m.safetensors", *words, "--out", "bad.safetensors")
    assert done.code == code and said in done.err and len(done.err.splitlines()) == 1
    assert not (folder / "bad.safetensors").exists()


def test_rounding_by_what_layers_are_given_is_closer_and_remembers_its_rows(folder):
    common = ("--calibration", "x.npz", "--arch", "net:build")
    for rounding in ("nearest", "gptq", "adaquant"):
        done = quick(folder, "compress", "m.safetensors", "--bits", 2, "--rounding", rounding,
                     *common, "--out", f"{rounding}.safetensors")  # fmt: skip
        assert (done.code, done.err) == (0, "")
        assert f"quantised: 2 bits, a scale a row, {rounding} rounding" in done.out
    x = np.load(folder / "x.npz")["x"].astype(np.float64)
    plain, *found = (
        open_weights(folder / f"{name}.safetensors")
        for name in ("m", "nearest", "gptq", "adaquant")
    )
    lost = [np.square((one["0.weight"] - plain["0.weight"]) @ x.T).sum() for one in found]
    assert lost[1] < lost[0] / 2 and lost[2] < lost[0] / 2
    assert len({one.stored.bytes for one in found}) == 1
    assert all("calibrated_on" in one.metadata for one in found)
    done = quick(folder, "compress", "m.safetensors", "--bits", 2, "--rounding", "gptq",
                 "--out", "no.safetensors")  # fmt: skip
    assert done.code == 2
    assert "gptq looks at what layers are given. Pass --bits and --calibration" in done.err


def test_columns_in_groups_have_scales_of_their_own(folder):
    done = quick(folder, "compress", "m.safetensors", "--bits", 4, "--group", 32,
                 "--out", "groups.safetensors")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert "a scale for 32 columns, nearest rounding" in done.out
    assert open_weights(folder / "groups.safetensors").stored.specs["0.weight#scale"].shape[1] == 2
