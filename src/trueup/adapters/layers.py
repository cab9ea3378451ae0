"""Layers of torch whose weights are a matrix, and what they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True)
class Seen:
    """What a layer is given, summed over rows (and places of a sequence or an image).

    Attributes
    ----------
    xx
        (groups, d, d) sum of x x', of a convolution with x the numbers under its window.
    x
        (groups, d) sum of x.
    rows
        How many x there were.
    """

    xx: np.ndarray
    x: np.ndarray
    rows: int


@dataclass(frozen=True)
class Layer:
    """A layer whose weights are a matrix: of inputs, or of the numbers under a window.

    Attributes
    ----------
    name
        Its name in the module; the weights are ``name.weight`` and ``name.bias``.
    module
        The layer.
    """

    name: str
    module: Any

    @property
    def groups(self) -> int:
        """Into how many groups of channels a convolution falls."""
        return getattr(self.module, "groups", 1)

    @property
    def matrix(self) -> np.ndarray:
        """(groups, out, d) the weights."""
        weight = self.module.weight.detach().cpu().numpy()
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def set_matrix(self, matrix: np.ndarray) -> None:
        """Put other weights (groups, out, d) in."""
        weight = self.module.weight
        with torch.no_grad():
            weight.copy_(torch.from_numpy(np.ascontiguousarray(matrix)).reshape(weight.shape))

    def columns(self, x: torch.Tensor) -> torch.Tensor:
        """(groups, n, d) what the matrix is multiplied with, of an input of the layer."""
        if isinstance(self.module, nn.Linear):
            return x.reshape(1, -1, x.shape[-1])
        conv = self.module
        if isinstance(conv, nn.Conv1d):
            x = x.unsqueeze(-2)
        kernel, stride, dilation = (
            (1, *pair) if isinstance(conv, nn.Conv1d) else pair
            for pair in (conv.kernel_size, conv.stride, conv.dilation)
        )
        x = nn.functional.pad(x, _padding(conv), mode=_mode(conv))
        under = nn.functional.unfold(x, kernel, dilation=dilation, stride=stride)
        n, d, places = under.shape
        parts = under.reshape(n, self.groups, d // self.groups, places)
        return parts.permute(1, 0, 3, 2).reshape(self.groups, n * places, d // self.groups)


def _padding(conv: Any) -> tuple[int, ...]:
    """Numbers that ``pad`` takes: from the last dimension to the first, before and after."""
    if isinstance(conv, nn.Conv1d):
        (p,) = conv._reversed_padding_repeated_twice[:1]
        q = conv._reversed_padding_repeated_twice[1]
        return (p, q, 0, 0)
    return tuple(conv._reversed_padding_repeated_twice)


def _mode(conv: Any) -> str:
    return "constant" if conv.padding_mode == "zeros" else conv.padding_mode
