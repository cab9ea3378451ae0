"""Rows of inputs of a torch module: arrays, tuples of them, or dicts of them by argument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from trueup.core.errors import EvidenceError


Inputs = Any
"""An array (n, ...), a tuple of them, or a dict of them by argument."""


def parts_of(inputs: Inputs, batch: int) -> Iterator[Any]:
    """``inputs``, ``batch`` rows at a time."""
    n = rows_of(inputs)
    for at in range(0, n, batch):
        rows = slice(at, at + batch)
        if isinstance(inputs, Mapping):
            yield {name: value[rows] for name, value in inputs.items()}
        else:
            yield tuple(v[rows] for v in inputs) if isinstance(inputs, tuple) else inputs[rows]


def rows_of(inputs: Inputs) -> int:
    """How many rows there are; all parts must have as many."""
    parts = inputs.values() if isinstance(inputs, Mapping) else inputs
    parts = list(parts) if isinstance(inputs, Mapping | tuple) else [inputs]
    lengths = {len(part) for part in parts}
    if len(lengths) != 1:
        raise EvidenceError(
            "inputs", f"parts have {sorted(lengths)} rows", do="Pass parts of as many rows"
        )
    return lengths.pop()


def tensor_of(value: Any) -> torch.Tensor:
    """A tensor that holds the numbers of an array, of its type."""
    if isinstance(value, torch.Tensor):
        return value
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    # Strides of an axis of one, as x[:, None] has, would be taken for channels that come last.
    return torch.from_numpy(np.ascontiguousarray(array).reshape(-1).reshape(array.shape))
