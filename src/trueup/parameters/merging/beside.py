"""Files beside weights that say what tokens and classes mean: they must agree before a merge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueup.core.errors import EvidenceError
from trueup.core.weights.view import Weights
from trueup.parameters.merging.notes import few


def same_meaning(models: tuple[Weights, ...]) -> list[str]:
    """Refuse models whose tokens or classes are others; say what cannot be told.

    Read are ``config.json``, ``tokenizer.json`` and ``vocab.txt`` in the folders of the weights,
    where they are.

    Raises
    ------
    EvidenceError
        A token or a class has another number in two of the models.
    """
    folders = [_folder(model) for model in models]
    notes: list[str] = []
    first = next((folder for folder in folders if folder), None)
    for other in folders:
        if first and other and other != first:
            _same_tokens(first, other)
            notes += _same_labels(first, other)
    return notes


def _folder(model: Weights) -> Path | None:
    path = Path(model.source)
    return path.parent.resolve() if path.is_file() else None


def _same_tokens(one: Path, two: Path) -> None:
    for name, read in (("vocab.txt", _lines), ("tokenizer.json", _vocabulary)):
        a, b = one / name, two / name
        if a.is_file() and b.is_file() and a.read_bytes() != b.read_bytes():
            _same_numbers(read(a), read(b), f"tokens of {a} and {b}")
    sizes = [_config(folder).get("vocab_size") for folder in (one, two)]
    if None not in sizes and sizes[0] != sizes[1]:
        raise EvidenceError(
            "merge",
            f"{one / 'config.json'} speaks of {sizes[0]} tokens and {two / 'config.json'} of "
            f"{sizes[1]}",
            do="Merge models of one tokenizer",
        )


def _same_numbers(one: Mapping[Any, Any], two: Mapping[Any, Any], what: str) -> None:
    other = [
        f"{key!r} is {one.get(key, 'missing')} and {two.get(key, 'missing')}"
        for key in (*one, *(key for key in two if key not in one))
        if one.get(key) != two.get(key)
    ]
    if other:
        raise EvidenceError(
            "merge",
            f"{len(other)} {what} differ: {few(other)}",
            why="rows of their first and last layers would be mixed up",
            do="Merge models of one tokenizer and one order of classes",
        )


def _same_labels(one: Path, two: Path) -> list[str]:
    a, b = (_config(folder).get("id2label") for folder in (one, two))
    if not (isinstance(a, dict) and isinstance(b, dict)) or a == b:
        return []
    if any(_unnamed(labels) for labels in (a, b)) and len(a) == len(b):
        return [f"Classes have names in one of {one} and {two} alone: they may stand in two orders"]
    _same_numbers(a, b, f"labels of {one / 'config.json'} and {two / 'config.json'}")
    return []


def _unnamed(labels: dict[str, Any]) -> bool:
    return all(str(label) == f"LABEL_{number}" for number, label in labels.items())


def _lines(path: Path) -> dict[str, int]:
    return {token: i for i, token in enumerate(path.read_text("utf-8").splitlines())}


def _vocabulary(path: Path) -> dict[str, Any]:
    """Token -> number; pieces with their scores stand in a list."""
    made = _json(path)
    inside = made.get("model")
    vocab = inside.get("vocab", {}) if isinstance(inside, dict) else {}
    if isinstance(vocab, list):
        vocab = {str(piece[0]): i for i, piece in enumerate(vocab)}
    added = made.get("added_tokens") or []
    return {**vocab, **{token["content"]: token["id"] for token in added}}


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    return _json(path) if path.is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise EvidenceError("merge", f"{path} is no JSON", do="Fetch it again") from error
    return found if isinstance(found, dict) else {}
