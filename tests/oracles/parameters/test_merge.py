"""What a merge refuses and what it warns of, before any work."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

from trueup.core.errors import EvidenceError, UsageError
from trueup.core.weights import Held, save_weights
from trueup.parameters import merge


def net(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"a": rng.normal(size=(20, 10)).astype(np.float32),
            "b": rng.normal(size=(12, 20)).astype(np.float32),
            "c": np.ones(12, np.float32), "steps": np.array(3)}  # fmt: skip


def tuned(seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    start = net()
    return start | {n: start[n] + 0.1 * rng.normal(size=start[n].shape).astype(np.float32)
                    for n in "abc"}  # fmt: skip


def warned(*models, base=None) -> tuple[str, ...]:
    return merge(models, base=base).warnings


def test_kin_is_merged_without_a_word():
    assert warned(tuned(1), tuned(2), tuned(3)) == ()
    assert warned(tuned(1), tuned(2), base=net()) == ()
    assert merge([tuned(1), tuned(2)]).checked.copied == ("steps",)


def test_strangers_are_told():
    said = warned(net(), tuned(), net(5))
    assert said == (
        "model 1 and model 3 are unrelated. Trained from different starts: their average is of "
        "neurons that do not belong together.",
    )
    said = warned(tuned(1), tuned(2), base=net(5))
    assert [line.split(".")[0] for line in said] == [
        "base and model 1 are unrelated", "base and model 2 are unrelated",
    ]  # fmt: skip
    assert "related in part only" in warned(net(), net() | {"b": net(5)["b"]})[0]


def test_types_that_differ_are_told():
    half = {n: v if n == "steps" else v.astype(ml_dtypes.bfloat16) for n, v in tuned().items()}
    assert warned(net(), half) == ("3 tensors differ in type: a F32 and BF16, b F32 and BF16, "
                                   "c F32 and BF16.",)  # fmt: skip
    made = merge([net(), half])
    assert {spec.type for n, spec in made.specs.items() if n != "steps"} == {"F32"}


def test_tensors_tied_in_one_alone_are_told():
    table = np.random.default_rng(0).normal(size=(30, 5))
    one, two = {"in": table, "out": table.copy()}, {"in": table, "out": table + 0.01}
    said = warned(one, two)
    assert said == ("'in' and 'out' are tied in model 1 alone: a merge would untie them.",)
    assert "tied in model 3 alone" in warned(two, two, one)[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_numbers_that_are_not_finite_are_refused(value, place):
    models = [tuned(i) for i in range(3)]
    models[place]["b"][3, 2] = value
    with pytest.raises(
        EvidenceError, match=rf"1 tensors of model {place + 1} hold NaN .* b \(1 of"
    ):
        merge(models)


def test_large_numbers_are_no_fault():
    large = {"w": np.random.default_rng(0).normal(size=(10, 10)) * 1e200}
    assert merge([large, large])["w"].max() == large["w"].max()


def test_other_shapes_are_refused_by_name():
    with pytest.raises(EvidenceError, match=r"1 tensors .* differ in shape: b \(12, 20\) and \(3,"):
        merge([net(), net() | {"b": np.ones((3, 20), np.float32)}])
    six = {f"v{i}": np.ones(1) for i in range(6)}
    with pytest.raises(
        EvidenceError, match=r"model 1 lacks 6 of the 10 .*: v0, v1, v2, v3, v4 and 1 more"
    ):
        merge([net(), net() | six])
    with pytest.raises(EvidenceError, match=r"model 2 lacks 1 of the 4 tensors of model 1: c"):
        merge([net(), {n: v for n, v in net().items() if n != "c"}])
    with pytest.raises(EvidenceError, match="1 tensors are whole numbers in one"):
        merge([net(), net() | {"b": np.ones((12, 20), np.int8)}])


def folder(place, name: str, *, weights=None, **files) -> str:
    """A folder of weights and files beside them."""
    made = place / name
    made.mkdir()
    save_weights(Held(weights or tuned(len(name))), made / "model.safetensors")
    for file, content in files.items():
        end = ".txt" if isinstance(content, str) else ".json"
        text = content if isinstance(content, str) else json.dumps(content)
        (made / (file + end)).write_text(text, encoding="utf-8")
    return str(made)


def vocabulary(*tokens: str, **added: int) -> dict:
    return {"model": {"type": "WordPiece", "vocab": {t: i for i, t in enumerate(tokens)}},
            "added_tokens": [{"content": t, "id": i} for t, i in added.items()]}  # fmt: skip


REFUSED = {
    "vocabularies": ({"vocab": "a\nb\nc"}, {"vocab": "a\nc\nb"}, "2 tokens of .* 'b' is 1 and 2"),
    "longer": ({"vocab": "a\nb"}, {"vocab": "a\nb\nc"}, "1 tokens .* 'c' is missing and 2"),
    "tokenizers": (
        {"tokenizer": vocabulary("a", "b")}, {"tokenizer": vocabulary("b", "a")},
        "2 tokens of .*tokenizer.json and .*tokenizer.json differ: 'a' is 0 and 1, 'b' is 1 and 0",
    ),
    "added": (
        {"tokenizer": vocabulary("a", PAD=1)}, {"tokenizer": vocabulary("a", MASK=1)},
        "'PAD' is 1 and missing, 'MASK' is missing and 1",
    ),
    "pieces": (
        {"tokenizer": {"model": {"vocab": [["a", -1.0], ["b", -2.0]]}}},
        {"tokenizer": {"model": {"vocab": [["b", -1.0], ["a", -2.0]]}}},
        "2 tokens of",
    ),
    "sizes": ({"config": {"vocab_size": 9}}, {"config": {"vocab_size": 8}}, "9 tokens and .* of 8"),
    "labels": (
        {"config": {"id2label": {"0": "no", "1": "yes"}}},
        {"config": {"id2label": {"0": "yes", "1": "no"}}},
        "2 labels of .* differ: '0' is no and yes, '1' is yes and no; rows of their first and last",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_tokens_and_labels_that_differ_are_refused(tmp_path, case):
    one, two, message = REFUSED[case]
    models = [folder(tmp_path, "a", **one), folder(tmp_path, "bb", **two)]
    with pytest.raises(EvidenceError, match=message):
        merge(models)


def test_what_agrees_passes(tmp_path):
    config = {"vocab_size": 2, "id2label": {"0": "no", "1": "yes"}, "seed": 0}
    files = {"tokenizer": vocabulary("a", "b", PAD=2), "vocab": "a\nb", "config": config}
    other = files | {"config": files["config"] | {"seed": 1}}
    models = [folder(tmp_path, "a", **files), folder(tmp_path, "bb", **other),
              folder(tmp_path, "ccc")]  # fmt: skip
    assert merge(models).warnings == ()


def test_names_of_classes_in_one_alone_are_told(tmp_path):
    bare = {"config": {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}}
    named = {"config": {"id2label": {"0": "no", "1": "yes"}}}
    models = [folder(tmp_path, "a", **bare), folder(tmp_path, "bb", **named)]
    assert "Classes have names in one of" in merge(models).warnings[0]


def test_files_beside_that_are_broken(tmp_path):
    one = folder(tmp_path, "a", config={"vocab_size": 2})
    two = folder(tmp_path, "bb", config={"vocab_size": 2})
    (tmp_path / "bb" / "config.json").write_text("{")
    with pytest.raises(EvidenceError, match=r"config.json is no JSON"):
        merge([one, two])


def test_metadata_stay(tmp_path):
    one, two = (Held(tuned(i), f"m{i}", {"format": "pt", "author": str(i)}) for i in (1, 2))
    assert merge([one, two]).metadata | {"merged_by": ""} == {
        "format": "pt", "author": "1", "merged_by": "", "merged_from": "m1, m2",
    }  # fmt: skip


def test_misuse():
    with pytest.raises(UsageError, match="got 1 models"):
        merge([net()])
    for shares in ((1,), (1, -1), (0, 0), (1, np.nan)):
        with pytest.raises(UsageError, match="shares are"):
            merge([net(), net()], shares=shares)
