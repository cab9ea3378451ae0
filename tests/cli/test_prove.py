"""``trueup prove``: from two files and held-out rows to a verdict, or one line that helps."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from cli.shell import quick, run


torch = pytest.importorskip("torch")

from digits import held_out, trained  # noqa: E402
from trueup.core.weights import Held, calibrated_on, save_weights  # noqa: E402


NET = """
import torch
def build():
    return torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
def other():
    return torch.nn.Linear(64, 10)
number = 3
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a module, weights, and held-out rows that are sound or broken."""
    here = tmp_path_factory.mktemp("prove")
    (here / "net.py").write_text(NET)
    good, early = trained(0), trained(0, 20)
    images, labels = held_out()
    told = calibrated_on(images[:200])
    broken = good | {"2.bias": np.full(10, np.inf, np.float32)}
    for name, weights, metadata in (("good", good, {}), ("early", early, {}), ("nan", broken, {}),
                                    ("small", good, told)):  # fmt: skip
        save_weights(Held(weights, metadata=metadata), here / f"{name}.safetensors")
    np.savez(here / "test.npz", x=images, y=labels)
    np.savez(here / "later.npz", input=images[200:], y=labels[200:])
    np.savez(here / "narrow.npz", x=images[:, :9], y=labels)
    np.savez(here / "rows.npz", x=images[:9], y=labels)
    np.savez(here / "untrue.npz", x=images)
    np.savez(here / "classes.npz", x=images, y=labels + 5)
    (here / "cut.npz").write_bytes((here / "test.npz").read_bytes()[:500])
    raw = (here / "good.safetensors").read_bytes()
    (here / "cut.safetensors").write_bytes(raw[:-7])
    torch.save(torch.nn.Linear(2, 2), here / "code.pt")
    return here


ASKED = ("--arch", "net:build", "--data", "test.npz")


def test_from_one_end_to_the_other(place):
    done = run(place, "prove", "early.safetensors", "good.safetensors", *ASKED, "--json", "p.json",
               "--out", "p.html")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("Better: log loss goes from 0.6")
    assert lines[1].startswith(
        "Better on rows that it never saw, by more than chance explains. Use"
    )
    assert lines[-1] == "Report: p.html"
    said = json.loads((place / "p.json").read_text())
    assert (said["outcome"], said["proven_on"], said["schema"]) == ("proven", 900, 1)
    assert said["difference"]["high"] < 0
    assert said["files"] == {"before": "early.safetensors", "after": "good.safetensors"}
    page = (place / "p.html").read_text()
    assert said["verdict"] in page
    assert "<script" not in page
    assert 'role="img"' in page


VERDICTS = {
    "worse": (("good", "early"), (), "Worse, by more than chance: log loss goes"),
    "the same": (("good", "good"), (), "Not better: log loss goes"),
    "a margin": (("good", "good"), ("--margin", "0.01"), "Not worse by more than 0.01: log loss"),
    "accuracy": (("early", "good"), ("--score", "accuracy"), "Better: accuracy goes from 0.8"),
    "infinite": (("good", "nan"), (), "No number: a network gives NaN or infinite outputs."),
    "calibrated": (
        ("good", "small"), ("--data", "later.npz", "--margin", "1"), "Not worse by more than 1: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", VERDICTS)
def test_verdicts(place, case):
    sides, more, said = VERDICTS[case]
    done = quick(place, "prove", *(f"{side}.safetensors" for side in sides), *ASKED, *more)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(said)
    assert ("calibrated  on 200 rows" in done.out) == (case == "calibrated")


def test_nothing_finite_is_still_json_and_a_page(place):
    words = ("good.safetensors", "nan.safetensors", *ASKED, "--json", "n.json", "--out", "n.html")
    assert quick(place, "prove", *words).code == 0
    assert json.loads((place / "n.json").read_text())["after"]["value"] is None
    assert "NaN or infinite outputs" in (place / "n.html").read_text()


GOOD = ("good.safetensors", "good.safetensors")
REFUSED = {
    "no file": (("good.safetensors", "no.pt", *ASKED), 2, "there is no no.pt"),
    "cut off": (("good.safetensors", "cut.safetensors", *ASKED), 3, "is cut off"),
    "a pickle": (("good.safetensors", "code.pt", *ASKED), 3, "without running code"),
    "another module": ((*GOOD, *ASKED, "--arch", "net:other"), 3, "not of this module; "),
    "no module": ((*GOOD, *ASKED, "--arch", "none:build"), 2, "cannot find 'none:build'"),
    "no function": ((*GOOD, *ASKED, "--arch", "net"), 2, "got 'net'. Write module:function"),
    "no torch module": ((*GOOD, *ASKED, "--arch", "net:number"), 2, "it is a int"),
    "no data": ((*GOOD, *ASKED, "--data", "no.npz"), 2, "there is no no.npz"),
    "other data": ((*GOOD, *ASKED, "--data", "net.py"), 2, "'net.py' is no .npz"),
    "data cut off": ((*GOOD, *ASKED, "--data", "cut.npz"), 3, "cut.npz cannot be read"),
    "no truth": ((*GOOD, *ASKED, "--data", "untrue.npz"), 3, "holds x and no y"),
    "another shape": ((*GOOD, *ASKED, "--data", "narrow.npz"), 3, "cannot run on inputs"),
    "other rows": ((*GOOD, *ASKED, "--data", "rows.npz"), 3, "rows are truth 900, inputs 9"),
    "other classes": ((*GOOD, *ASKED, "--data", "classes.npz"), 3, "classes go from 5 to 14"),
    "score": ((*GOOD, *ASKED, "--score", "loss"), 2, "there is no measure 'loss'"),
    "score of numbers": ((*GOOD, *ASKED, "--score", "mae"), 2, "the module gives probabilities"),
    "margin": ((*GOOD, *ASKED, "--margin", "-1"), 2, "margin is -1.0. Pass a loss >= 0"),
    "level": ((*GOOD, *ASKED, "--level", "95"), 2, "level is 95.0"),
    "seen rows": (("good.safetensors", "small.safetensors", *ASKED), 3, "calibrated on 200 of"),
    "no folder": ((*GOOD, *ASKED, "--out", "no/r.html"), 2, "there is no folder no"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_proven(place, case):
    words, code, message = REFUSED[case]
    done = quick(place, "prove", *words, "--json", "never.json")
    assert (done.code, done.out) == (code, ""), done.err
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("trueup: ")
    assert re.search(message, done.err), done.err
    assert not (place / "never.json").exists()
