"""What is looked at before models are merged: that they are of one shape, and sound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.weights.types import is_float
from trueup.core.weights.view import Weights


NAMED = 5
"""Tensors that an error names."""


@dataclass(frozen=True)
class Checked:
    """What was seen.

    Attributes
    ----------
    warnings
        A sentence each.
    copied
        Tensors of whole numbers, which are taken from the base or the first model.
    """

    warnings: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()


def check(models: tuple[Weights, ...], base: Weights | None) -> Checked:
    """Refuse models that cannot be merged; say what looks strange."""
    first, *others = (*([base] if base else []), *models)
    for other in others:
        same_shape(first, other)
    for one in (first, *others):
        all_finite(one)
    copied = tuple(name for name, spec in first.specs.items() if not is_float(spec.type))
    return Checked((), copied)


def same_shape(one: Weights, two: Weights) -> None:
    """Refuse two models whose tensors have other names or shapes."""
    for a, b in ((one, two), (two, one)):
        if missing := [name for name in a if name not in b]:
            raise EvidenceError(
                "merge",
                f"{b.source} lacks {len(missing)} of the {len(a)} tensors of {a.source}: "
                f"{_few(missing)}",
                do="Merge models of one architecture, or take the others out first",
            )
    other = [
        f"{name} {one.specs[name].shape} and {two.specs[name].shape}"
        for name in one
        if one.specs[name].shape != two.specs[name].shape
    ]
    if other:
        raise EvidenceError(
            "merge",
            f"{len(other)} tensors of {one.source} and {two.source} differ in shape: {_few(other)}",
            do="Merge models of one architecture",
        )
    kinds = [n for n in one if is_float(one.specs[n].type) != is_float(two.specs[n].type)]
    if kinds:
        raise EvidenceError(
            "merge",
            f"{len(kinds)} tensors are whole numbers in one of {one.source} and {two.source} and "
            f"real ones in the other: {_few(kinds)}",
            do="Undo the quantisation first",
        )


def all_finite(weights: Weights) -> None:
    """Refuse numbers that are NaN or infinite, by the names of their tensors."""
    bad = {}
    for name, spec in weights.specs.items():
        if is_float(spec.type):
            count = sum(int((~_finite(piece)).sum()) for piece in weights.pieces(name))
            if count:
                bad[name] = f"{name} ({count} of {spec.size})"
    if bad:
        raise EvidenceError(
            "merge",
            f"{len(bad)} tensors of {weights.source} hold NaN or infinite numbers: "
            f"{_few(bad.values())}",
            why="they would spread to all that is merged with them",
            do="Train again from an earlier checkpoint",
        )


def _finite(piece: np.ndarray) -> np.ndarray:
    return np.isfinite(piece if piece.dtype.kind == "f" else piece.astype(np.float32))


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
