"""What is looked at before models are merged: that they are of one shape, and sound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trueup.core.errors import EvidenceError
from trueup.core.weights.types import is_float
from trueup.core.weights.view import Weights
from trueup.parameters.merging.beside import same_meaning
from trueup.parameters.merging.kinship import Kinship, judge_all, judge_tensor, judged
from trueup.parameters.merging.notes import few, types
from trueup.parameters.merging.sums import Sums, not_finite, sums_of
from trueup.parameters.merging.tied import tied_in_one


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


def check(models: tuple[Weights, ...], base: Weights | None, *, strangers: bool = False) -> Checked:
    """Refuse models that cannot be merged; say what looks strange.

    With ``strangers`` it is not strange that models started apart.
    """
    first, *others = every = (*([base] if base else []), *models)
    for other in others:
        same_shape(first, other)
    notes = same_meaning(every)
    floats = [name for name, spec in first.specs.items() if is_float(spec.type)]
    sums = {name: sums_of(every, name) for name in floats}
    strange = [n for n in floats if not sums[n].finite]
    for one in every:
        all_finite(one, strange)
    copied = tuple(name for name in first.specs if name not in sums)
    for row, other in enumerate(others, 1):
        notes += [] if strangers else _strangers(first, other, sums, row)
        notes += types(first, other, floats)
        notes += tied_in_one(first, other, sums, rows=(0, row))
    return Checked(tuple(notes), copied)


def _strangers(first: Weights, other: Weights, sums: dict[str, Sums], row: int) -> list[str]:
    """What is said where two models are not of one start."""
    looked = [
        (judge_tensor(found.correlation(0, row), found.n), found.n)
        for name, found in sums.items()
        if judged(first.specs[name].shape, found.n)
    ]
    kind = judge_all(looked)
    if kind not in (Kinship.UNRELATED, Kinship.PARTLY):
        return []
    said = "unrelated" if kind is Kinship.UNRELATED else "related in part only"
    return [f"{first.source} and {other.source} are {said}. {kind.sentence}"]


def same_shape(one: Weights, two: Weights) -> None:
    """Refuse two models whose tensors have other names or shapes."""
    for a, b in ((one, two), (two, one)):
        if missing := [name for name in a if name not in b]:
            raise EvidenceError(
                "merge",
                f"{b.source} lacks {len(missing)} of the {len(a)} tensors of {a.source}: "
                f"{few(missing)}",
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
            f"{len(other)} tensors of {one.source} and {two.source} differ in shape: {few(other)}",
            do="Merge models of one architecture",
        )
    kinds = [n for n in one if is_float(one.specs[n].type) != is_float(two.specs[n].type)]
    if kinds:
        raise EvidenceError(
            "merge",
            f"{len(kinds)} tensors are whole numbers in one of {one.source} and {two.source} and "
            f"real ones in the other: {few(kinds)}",
            do="Undo the quantisation first",
        )


def all_finite(weights: Weights, names: Iterable[str] | None = None) -> None:
    """Refuse numbers that are NaN or infinite, by the names of their tensors.

    ``names`` are tensors to look at, all by default.
    """
    looked = [n for n in (weights if names is None else names) if is_float(weights.specs[n].type)]
    counts = {name: not_finite(weights, name) for name in looked}
    found = [f"{n} ({c} of {weights.specs[n].size})" for n, c in counts.items() if c]
    if found:
        raise EvidenceError(
            "merge",
            f"{len(found)} tensors of {weights.source} hold NaN or infinite numbers: {few(found)}",
            why="they would spread to all that is merged with them",
            do="Train again from an earlier checkpoint",
        )
