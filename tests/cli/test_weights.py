"""``trueup merge`` and ``trueup kin``: from files to a file, or one line that helps."""

from __future__ import annotations

import json
import os
import re

import numpy as np
import pytest

from cli.shell import quick, run
from trueup.core.weights import Held, open_weights, save_weights


def net(seed: int, size: float = 1.0) -> dict[str, np.ndarray]:
    rng, start = np.random.default_rng(seed), np.random.default_rng(0)
    shapes = {"in.weight": (16, 8), "in.bias": (16,), "out.weight": (9, 16)}
    return {n: (start.normal(size=s) + size * rng.normal(size=s)).astype(np.float32)
            for n, s in shapes.items()}  # fmt: skip


@pytest.fixture
def here(tmp_path):
    """Two models of one start, a stranger, and files that are broken in many ways."""
    save = {"a": net(1, 0.1), "b": net(2, 0.1), "base": net(3, 0), "other": net(4, 50.0)}
    for name, arrays in save.items():
        save_weights(Held(arrays), tmp_path / f"{name}.safetensors")
    raw = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(raw[:-10])
    (tmp_path / "head.safetensors").write_bytes(raw[:20])
    (tmp_path / "empty.safetensors").touch()
    save_weights(Held(net(1) | {"in.bias": np.ones(3)}), tmp_path / "shape.safetensors")
    few = {f"layer{i}": np.ones(2) for i in range(7)}
    save_weights(Held(net(1) | few), tmp_path / "more.safetensors")
    bad = net(1)
    bad["in.bias"][2] = np.nan
    save_weights(Held(bad), tmp_path / "nan.safetensors")
    (tmp_path / "index.json").write_text('{"weight_map": {"w": "../a.safetensors"}}')
    (tmp_path / "notes.txt").write_text("no weights")
    (tmp_path / "dir").mkdir()
    return tmp_path


def test_merge_from_one_end_to_the_other(here):
    done = run(here, "merge", "a.safetensors", "b.safetensors", "--out", "m.safetensors",
               "--shares", "2,1", "--json", "m.json")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "2 models merged by Average(): 3 tensors, 288 numbers, 0.0 MB", "Written: m.safetensors",
    ]  # fmt: skip
    a, b, m = (open_weights(here / f"{n}.safetensors") for n in "abm")
    for name in a:
        two, one = np.float32(2 / 3), np.float32(1 / 3)
        assert np.array_equal(m[name], a[name] * two + b[name] * one)
    said = json.loads((here / "m.json").read_text())
    assert said["method"] == "Average()"
    assert said["files"] == ["m.safetensors"]
    assert said["shares"] == pytest.approx([2 / 3, 1 / 3])


def test_merge_is_the_same_bytes_each_time(here):
    for out in ("one.safetensors", "two.safetensors"):
        words = ("a.safetensors", "b.safetensors", "--out", out, "--method", "AVERAGE")
        assert quick(here, "merge", *words).code == 0
    assert (here / "one.safetensors").read_bytes() == (here / "two.safetensors").read_bytes()


def test_merge_into_shards(here):
    done = quick(here, "merge", "a.safetensors", "b.safetensors", "--out", "m", "--shard", "0.6kB")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("Written: m (2 files)\n")
    assert list(open_weights(here / "m")) == list(open_weights(here / "a.safetensors"))


def test_merge_of_strangers_is_told(here):
    done = quick(here, "merge", "a.safetensors", "other.safetensors", "--out", "m.safetensors")
    assert (done.code, done.err) == (0, "")
    first = "Note: a.safetensors and other.safetensors are unrelated. Trained from different starts"
    assert done.out.startswith(first)


GOOD = ("a.safetensors", "b.safetensors")
REFUSED = {
    "no file": (("a.safetensors", "no.safetensors"), 2, "there is no no.safetensors"),
    "no kind": (("a.safetensors", "notes.txt"), 2, "'notes.txt' is no known kind"),
    "an empty folder": (("a.safetensors", "dir"), 2, "dir holds 0 safetensors files and no index"),
    "one model": (("a.safetensors",), 2, "got 1 models. Pass two or more"),
    "cut off": (("a.safetensors", "cut.safetensors"), 3, "cut.safetensors is cut off: its header"),
    "cut in its header": (("head.safetensors", "a.safetensors"), 3, "was cut off in its header"),
    "empty": (("empty.safetensors", "a.safetensors"), 3, "is no safetensors file"),
    "out of its folder": (("index.json", "a.safetensors"), 3, "names '../a.safetensors'"),
    "shapes": (("a.safetensors", "shape.safetensors"), 3, "1 tensors .* differ in shape: in.bias"),
    "names": (("a.safetensors", "more.safetensors"), 3, "lacks 7 of the 10 .*layer4 and 2 more"),
    "NaN": (("a.safetensors", "nan.safetensors"), 3, r"in.bias \(1 of 16\)"),
    "method": ((*GOOD, "--method", "best"), 2, "there is no 'best'. Use one of .*Average"),
    "setting": ((*GOOD, "--set", "density=0.2"), 2, "Average has no setting 'density'"),
    "no setting": ((*GOOD, "--set", "density"), 2, "cannot read 'density'"),
    "shares": ((*GOOD, "--shares", "2,one"), 2, "cannot read '2,one'"),
    "too many shares": ((*GOOD, "--shares", "1,1,1"), 2, r"shares are \[1.0, 1.0, 1.0\] for 2"),
    "shard": ((*GOOD, "--shard", "much"), 2, "cannot read 'much'. Write a size"),
    "no base": ((*GOOD, "--base", "no.pt"), 2, "there is no no.pt"),
    "an ending": ((*GOOD, "--out", "never.bin"), 2, "the file is 'never.bin'. End it in"),
    "no folder": ((*GOOD, "--out", "no/never.safetensors"), 2, "there is no folder no"),
    "a folder": ((*GOOD, "--out", "dir"), 2, "dir is a folder. Name a file"),
    "an input": ((*GOOD, "--out", "a.safetensors"), 2, "a.safetensors is one of the models"),
    "a file for shards": ((*GOOD, "--out", "notes.txt", "--shard", "1GB"), 2, "is a file"),
    "json": ((*GOOD, "--json", "dir"), 2, "--json: dir is a folder"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_merged(here, case):
    words, code, message = REFUSED[case]
    before = {f: f.read_bytes() for f in here.rglob("*") if f.is_file()}
    out = () if "--out" in words else ("--out", "never.safetensors")
    said = refused(here, "merge", *words, *out, code=code)
    assert re.search(message, said), said
    assert {f: f.read_bytes() for f in here.rglob("*") if f.is_file()} == before


def refused(here, *words, code: int) -> str:
    """The message of a command that must fail: one line, alone."""
    done = quick(here, *words)
    assert (done.code, done.out) == (code, ""), done.err or done.out
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("trueup: ")
    assert done.err.rstrip().endswith(".")
    return done.err


def test_a_pickle_is_refused(here):
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(8, 16), here / "whole.pt")
    said = refused(here, "merge", "a.safetensors", "whole.pt", "--out", "n.safetensors", code=3)
    assert "cannot be read without running code that it names: torch.nn.modules" in said
    assert "torch.save(model.state_dict(), path)" in said


def test_a_full_disk(here, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = quick(here, "merge", *GOOD, "--out", "n.safetensors")
    assert done.code == 3
    assert "No space left on device" in done.err
    assert not [f for f in here.iterdir() if "n.safetensors" in f.name and "nan" not in f.name]


def test_kin_from_one_end_to_the_other(here):
    done = run(here, "kin", *GOOD, "--base", "base.safetensors", "--json", "kin.json")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("Same start. Fine-tuned from one model")
    assert lines[1].startswith("Cosine 0.9")
    assert "numbers moved in one direction (chance: 50%)" in lines[2]
    assert [line.split()[0] for line in lines[5:]] != []
    said = json.loads((here / "kin.json").read_text())
    assert said["verdict"] == "same start"
    assert {t["name"] for t in said["tensors"]} == {"in.weight", "in.bias", "out.weight"}


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("a", "a", "Identical. All numbers are the same."),
        ("a", "other", "Unrelated. Trained from different starts"),
        ("a", "nan", "Note: NaN or infinite numbers in in.bias of nan.safetensors (1 of 16)."),
        ("a", "shape", "Note: 1 tensors differ in shape: in.bias (16,) and (3,)."),
        ("a", "more", "Note: 7 tensors are in more.safetensors alone: layer0, layer1,"),
    ],
)
def test_kin_in_words(here, a, b, said):
    done = quick(here, "kin", f"{a}.safetensors", f"{b}.safetensors")
    assert (done.code, done.err) == (0, "")
    assert said in done.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("a.safetensors", "no.pt"), 2, "there is no no.pt"),
        (("a.safetensors", "cut.safetensors"), 3, "is cut off"),
        ((*GOOD, "--base", "notes.txt"), 2, "is no known kind"),
        ((*GOOD, "--json", "no/k.json"), 2, "there is no folder no"),
    ],
)
def test_kin_refuses(here, words, code, message):
    assert message in refused(here, "kin", *words, code=code)


def test_tokenizers_that_differ(here):
    for name, words in (("one", "a b c"), ("two", "a c b")):
        (here / name).mkdir()
        (here / f"{'a' if name == 'one' else 'b'}.safetensors").rename(
            here / name / "m.safetensors"
        )
        (here / name / "vocab.txt").write_text("\n".join(words.split()))
    said = refused(here, "merge", "one", "two", "--out", "never.safetensors", code=3)
    assert "'b' is 1 and 2, 'c' is 2 and 1; rows of their first and last layers would be" in said
    assert not (here / "never.safetensors").exists()


def test_models_that_started_apart_are_aligned_from_the_shell(tmp_path):
    torch = pytest.importorskip("torch")
    (tmp_path / "apart.py").write_text(
        "from torch import nn\n\n\ndef build():\n"
        "    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))\n"
    )
    x = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    net = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    one = {name: tensor.detach().numpy() for name, tensor in net.state_dict().items()}
    two = {"0.weight": one["0.weight"][order], "0.bias": one["0.bias"][order],
           "2.weight": one["2.weight"][:, order], "2.bias": one["2.bias"]}  # fmt: skip
    for name, weights in (("one", one), ("two", two)):
        save_weights(Held(weights), tmp_path / f"{name}.safetensors")
    common = ("merge", "one.safetensors", "two.safetensors", "--method", "pleas", "--out",
              "m.safetensors")  # fmt: skip
    done = quick(tmp_path, *common, "--arch", "apart:build", "--calibration", "x.npz")
    assert (done.code, done.err) == (0, "") and "Note" not in done.out
    made = open_weights(tmp_path / "m.safetensors")
    for name, tensor in one.items():  # a permuted copy merged with itself is itself
        np.testing.assert_allclose(made[name], tensor, atol=2e-4)
    done = quick(tmp_path, *common)
    assert done.code == 2
    assert "PLeaS runs the models. Pass --arch module:function and --calibration X.npz" in done.err
