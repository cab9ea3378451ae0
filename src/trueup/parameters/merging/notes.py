"""What is odd about two models, a sentence each."""

from __future__ import annotations

from collections.abc import Iterable

from trueup.core.weights.view import Weights
from trueup.parameters.merging.sums import not_finite


def bad(one: Weights, two: Weights, names: list[str]) -> list[str]:
    """NaN or infinite numbers in tensors ``names``, whose sums are not finite."""
    found = []
    for name in names:
        for weights in (one, two):
            if count := not_finite(weights, name):
                found.append(f"{name} of {weights.source} ({count} of {weights.specs[name].size})")
    return [f"NaN or infinite numbers in {few(found)}."] if found else []


def others(one: Weights, two: Weights) -> list[str]:
    """Tensors that only one model has, or that have another shape."""
    found = [
        f"{len(names)} tensors are in {a.source} alone: {few(names)}."
        for a, b in ((one, two), (two, one))
        if (names := [name for name in a if name not in b])
    ]
    shapes = [
        f"{name} {one.specs[name].shape} and {two.specs[name].shape}"
        for name in one
        if name in two and one.specs[name].shape != two.specs[name].shape
    ]
    return [*found, *([f"{len(shapes)} tensors differ in shape: {few(shapes)}."] if shapes else [])]


def types(one: Weights, two: Weights, names: list[str]) -> list[str]:
    other = [
        f"{name} {one.specs[name].type} and {two.specs[name].type}"
        for name in names
        if one.specs[name].type != two.specs[name].type
    ]
    return [f"{len(other)} tensors differ in type: {few(other)}."] if other else []


def few(names: Iterable[str]) -> str:
    """The first five of ``names``, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
