"""Merge models: look first, then piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.weights.calibrated import joined
from trueup.core.weights.opened import open_weights
from trueup.core.weights.types import dtype_of, is_float
from trueup.core.weights.view import PIECE, Spec, Weights
from trueup.parameters.merging.average import Average
from trueup.parameters.merging.checks import Checked, check
from trueup.parameters.merging.rule import AbstractMerging, Combine
from trueup.parameters.merging.stack import Stack


__all__ = ["Merged", "merge"]

CARD = Card(
    name="merge",
    question="parameters",
    family="merging",
    summary="models of one shape become one, tensor by tensor, after a look at all of them",
    paper="of the method that is asked for",
    cost="that of the method; memory of a few pieces of a tensor",
    not_for="models of different shapes",
)


@dataclass(frozen=True, repr=False, eq=False)
class Merged(Weights):
    """A merged model, made when it is read.

    Attributes
    ----------
    source, specs, metadata
        As of all weights.
    method
        What makes it.
    stack
        The models, and the tensors of real numbers that are merged.
    checked
        What was seen before: warnings, kinship, tensors that are copied.
    """

    source: str
    specs: dict[str, Spec]
    metadata: dict[str, str]
    method: AbstractMerging
    stack: Stack
    checked: Checked
    _ready: dict[str, Combine] = field(default_factory=dict, init=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before trusting it."""
        return self.checked.warnings

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        spec, first = self.specs[name], self.stack.base or self.stack.models[0]
        if name not in self._merged:
            return first.read(name, start, stop)
        if start >= stop:
            return np.empty(0, dtype_of(spec.type))
        combine = self._combine(name)
        parts = []
        for at in range(start - start % PIECE, stop, PIECE):
            made = combine(self.stack.piece(name, at)).astype(dtype_of(spec.type), copy=False)
            parts.append(made[max(start - at, 0) : stop - at])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def _merged(self) -> frozenset[str]:
        return frozenset(self.stack.names)

    def _combine(self, name: str) -> Combine:
        """What is done to pieces of ``name``, after a look at what is judged together."""
        whole = self.method.scope == "model"
        key = "" if whole else name
        if key not in self._ready:
            if not whole:
                self._ready.clear()  # tensors come one after another
            self._ready[key] = self.method.ready(self.stack if whole else self.stack.only(name))
        return self._ready[key]


def merge(
    models: Sequence[Any],
    *,
    base: Any = None,
    method: AbstractMerging | None = None,
    shares: Sequence[float] = (),
    seed: int = 0,
) -> Merged:
    """Merge models of one shape into one.

    Models are looked at first: names, shapes, types, tokenizers and labels, numbers that are not
    finite, whether they are kin. Nothing is merged before it is asked for or written.

    Parameters
    ----------
    models
        Two or more of anything that ``open_weights`` takes: paths, state dicts, modules.
    base
        What all were fine-tuned from; needed by methods that merge differences.
    method
        Settings of a method; None is the average.
    shares
        (k,) >= 0, how much each model counts; empty means equally.
    seed
        Of all random choices.

    Returns
    -------
    Merged
        Weights; ``save_weights(merged, path)`` writes them, ``merged.warnings`` says what to know.

    Raises
    ------
    EvidenceError
        Names or shapes differ, numbers are not finite, tokenizers or labels are others.
    UsageError
        No base where one is needed, or shares that are none.

    Examples
    --------
    >>> same = {"w": np.arange(3.0)}
    >>> merge([same, same])["w"]
    array([0., 1., 2.])
    """
    method = method or Average()
    opened, start = _opened(models, base, method)
    method.check(len(opened))
    parts = _shares(shares, len(opened), deltas=method.of_deltas)
    checked = check(opened, start, strangers=method.aligns)
    first = start or opened[0]
    names = tuple(n for n, spec in first.specs.items() if is_float(spec.type))
    stack = Stack(opened, names, start if method.of_deltas else None, parts, seed)
    told = {"merged_by": repr(method), "merged_from": ", ".join(one.source for one in opened)}
    told = {**joined(one.metadata for one in (first, *opened)), **told}
    return Merged("merged", dict(first.specs), told, method, stack, checked)


def _opened(
    models: Sequence[Any], base: Any, method: AbstractMerging
) -> tuple[tuple[Weights, ...], Weights | None]:
    """Views of the models and of their base, as many as the method needs."""
    opened = tuple(open_weights(one, name=f"model {i}") for i, one in enumerate(models, 1))
    start = None if base is None else open_weights(base, name="base")
    if len(opened) < 2 and not (method.of_deltas and opened):
        raise UsageError("merge", f"got {len(opened)} models", do="Pass two or more")
    if method.of_deltas and start is None:
        name = type(method).__name__
        raise UsageError(
            "merge", f"{name} merges differences from a base, and there is none",
            do="Pass base=..., what the models were fine-tuned from",
        )  # fmt: skip
    return opened, start


def _shares(shares: Sequence[float], k: int, *, deltas: bool) -> np.ndarray:
    """Shares (k,): they sum to 1, equal ones if none are given."""
    if not len(shares):
        return np.full(k, 1 / k)
    found = np.asarray(shares, dtype=np.float64)
    if found.shape != (k,) or not np.isfinite(found).all() or found.min() < 0 or not found.sum():
        raise UsageError(
            "merge", f"shares are {list(shares)} for {k} models", do="Pass one number >= 0 a model"
        )
    return found / found.sum()
