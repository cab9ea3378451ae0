"""The contract of every method of merging that needs no data, from the cards."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import trueup.parameters.merging.merge
import trueup.parameters.merging.stack
from trueup.core.cards import read_cards
from trueup.core.errors import UsageError
from trueup.parameters import merge
from trueup.parameters.merging.rule import AbstractMerging


def methods() -> list:
    """(card, class) of every method whose settings all have a default."""
    found = []
    for card in read_cards():
        if (card.question, card.family) != ("parameters", "merging") or card.needs:
            continue
        kind = getattr(importlib.import_module(card.module), card.name)
        if inspect.isclass(kind) and issubclass(kind, AbstractMerging):
            free = [f for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING
                    and f.default_factory is dataclasses.MISSING]  # fmt: skip
            if not free:
                found.append((card, kind))
    return found


METHODS = methods()
every = pytest.mark.parametrize(("card", "kind"), METHODS, ids=[card.name for card, _ in METHODS])
by_scope = pytest.mark.parametrize("scope", ["tensor", "model"])
SHAPES = {
    "a.weight": (9, 13),
    "a.bias": (9,),
    "b.weight": (4, 3, 2, 2),
    "scalar": (),
    "none": (0, 3),
}


def model(seed: int, dtype=np.float32, *, near=None, by: float = 0.1) -> dict[str, np.ndarray]:
    """Tensors of several shapes, around another model; the last one counts steps."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in SHAPES.items():
        centre = near[name].astype(np.float64) if near else 0.0
        made[name] = np.asarray(centre + rng.normal(size=shape) * (by if near else 1), dtype)
    return {**made, "steps": np.array([7, 8])}


def models(dtype=np.float32):
    """A base, and two models that were made from it."""
    base = model(0, dtype)
    return base, [model(seed, dtype, near=base) for seed in (1, 2)]


def merged(kind, given, base, *, seed: int = 3, **settings) -> dict[str, np.ndarray]:
    """All tensors of the merged model."""
    made = merge(given, base=base if kind.of_deltas else None, method=kind(**settings), seed=seed)
    return {name: made[name] for name in made}


def has(kind, setting: str) -> bool:
    """Whether a method has a setting of this name."""
    return setting in {f.name for f in dataclasses.fields(kind)}


def test_there_are_methods():
    assert {"Average", "TIES", "PCB"} <= {card.name for card, _ in METHODS}


@every
def test_inputs_are_untouched(card, kind):
    base, given = models()
    copies = [{name: a.copy() for name, a in one.items()} for one in (base, *given)]
    for one in (base, *given):
        for array in one.values():
            array.flags.writeable = False
    merged(kind, given, base)
    for one, copy in zip((base, *given), copies, strict=True):
        assert all(np.array_equal(one[name], copy[name]) for name in one)


@every
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_names_shapes_and_types_are_kept(card, kind, dtype):
    base, given = models(dtype)
    made = merged(kind, given, base)
    assert list(made) == list(base)
    for name, array in made.items():
        assert (array.shape, array.dtype) == (base[name].shape, base[name].dtype)
        assert np.isfinite(array.astype(np.float64)).all()
    assert np.array_equal(made["steps"], [7, 8])


@every
def test_merging_a_model_with_itself_is_the_model(card, kind):
    if kind.of_deltas:
        pytest.skip("differences are thinned, or add up")
    base, _ = models(np.float64)
    made = merged(kind, [base, base], base)
    assert all(made[name] == pytest.approx(base[name], rel=1e-12, abs=1e-14) for name in base)


@every
def test_no_difference_gives_the_base(card, kind):
    if not kind.of_deltas:
        pytest.skip("takes no base")
    for dtype in (np.float32, ml_dtypes.bfloat16):
        base, _ = models(dtype)
        made = merged(kind, [base, base], base)
        assert all(np.array_equal(made[name], base[name]) for name in base)


@every
def test_what_is_added_is_linear_in_scale(card, kind):
    if not has(kind, "scale"):
        pytest.skip("has no scale")
    base, given = models(np.float64)
    once, thrice, none = (merged(kind, given, base, scale=s) for s in (1.0, 3.0, 0.0))
    for name in SHAPES:
        added = once[name] - base[name]
        assert thrice[name] - base[name] == pytest.approx(3 * added, abs=1e-12)
        assert np.array_equal(none[name], base[name])
    assert any(not np.array_equal(once[name], base[name]) for name in SHAPES)


@every
def test_order_of_models_does_not_matter(card, kind):
    if "drop" in card.axes["sparsify"]:
        pytest.skip("every model has chances of its own")
    base, given = models()
    one, other = merged(kind, given, base), merged(kind, given[::-1], base)
    assert all(one[name] == pytest.approx(other[name], rel=2e-6, abs=1e-6) for name in one)


@every
def test_another_seed_matters_where_there_is_chance_and_only_there(card, kind):
    base, given = models()
    one, other = (merged(kind, given, base, seed=s) for s in (0, 1))
    same = all(np.array_equal(one[name], other[name]) for name in one)
    assert same == ("drop" not in card.axes["sparsify"])


@every
@by_scope
@pytest.mark.parametrize("size", [1, 7, 16])
def test_pieces_smaller_than_tensors_give_the_same(card, kind, scope, size, monkeypatch):
    settings = {"scope": scope} if has(kind, "scope") else {}
    if scope == "model" and not settings:
        pytest.skip("judges every tensor by itself")
    base, given = models()
    whole = merged(kind, given, base, **settings)
    for module in (trueup.parameters.merging.stack, trueup.parameters.merging.merge):
        monkeypatch.setattr(module, "PIECE", size)
    parts = merged(kind, given, base, **settings)
    assert all(parts[name] == pytest.approx(whole[name], rel=1e-6, abs=1e-7) for name in whole)


@every
def test_a_part_and_any_order_of_tensors_give_the_same(card, kind):
    base, given = models()
    whole = merged(kind, given, base)
    made = merge(given, base=base if kind.of_deltas else None, method=kind(), seed=3)
    for name in reversed(list(made)):
        flat = whole[name].reshape(-1)
        for start, stop in ((0, flat.size), (flat.size // 3, flat.size // 2), (0, 0)):
            assert np.array_equal(made.read(name, start, stop), flat[start:stop])


@every
def test_settings_are_frozen_and_few(card, kind):
    names = [f.name for f in dataclasses.fields(kind)]
    assert len(names) <= 6 and kind() == kind()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(kind(), (names or ["anything"])[0], 1)


@every
def test_settings_that_make_no_sense_are_refused(card, kind):
    wrong = {
        "density": (0, 1.2),
        "rate": (-0.1, 1.0),
        "scope": ("layer",),
        "scale": (np.nan,),
        "smallest": (1.0,),
        "largest": (-0.1,),
        "consensus": ("vote",),
        "q": (1.5,),
    }
    for setting, values in wrong.items():
        for value in values if has(kind, setting) else ():
            with pytest.raises(UsageError, match=r"\. (Pass|Choose)"):
                kind(**{setting: value})


def digest() -> str:
    """Of the bytes of all methods on the same models."""
    base, given = models()
    done = hashlib.sha256()
    for _, kind in METHODS:
        for array in merged(kind, given, base).values():
            done.update(array.tobytes())
    return done.hexdigest()


def test_same_seed_gives_the_same_bytes_in_every_process():
    """Names of tensors once stood in a set elsewhere: another hash seed gave another model."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; import contract.test_merging as t; "
    code += "print(t.digest())"
    made = set()
    for seed in ("0", "12345"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              check=False, env={**os.environ, "PYTHONHASHSEED": seed})  # fmt: skip
        assert done.returncode == 0, done.stderr
        made.add(done.stdout.strip())
    assert made == {digest()}
