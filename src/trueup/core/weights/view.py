"""A view of weights: what there is at once, the numbers when they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from trueup.core.errors import UsageError
from trueup.core.weights.types import dtype_of, name_of


PIECE = 1 << 20
"""Numbers of a tensor that are read at a time."""


@dataclass(frozen=True)
class Spec:
    """What a tensor is.

    Attributes
    ----------
    type
        ``"F32"``, ``"BF16"``, ... as safetensors names them.
    shape
        Its shape.
    """

    type: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes these take."""
        return self.size * dtype_of(self.type).itemsize


class Weights(ABC):
    """Tensors by name, in the order of their file.

    Nothing is read but names, types and shapes until a tensor is asked for; ``pieces`` reads a part
    of it at a time. A ``Weights`` is a mapping: ``weights["fc.weight"]`` is an array.

    Attributes
    ----------
    source
        Where they come from, for people: a path.
    specs
        Name -> what the tensor is.
    metadata
        What the file says of itself.
    """

    source: str
    specs: dict[str, Spec]
    metadata: dict[str, str]

    @abstractmethod
    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor, in its own type."""

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.specs:
            few = ", ".join(list(self.specs)[:5])
            raise UsageError(
                "weights", f"{self.source} has no tensor '{name}'", do=f"It has {few}, ..."
            )
        spec = self.specs[name]
        return self.read(name, 0, spec.size).reshape(spec.shape)

    def pieces(self, name: str, size: int = PIECE) -> Iterator[np.ndarray]:
        """The flattened tensor ``name``, at most ``size`` numbers at a time."""
        whole = self.specs[name].size
        return (self.read(name, at, min(at + size, whole)) for at in range(0, whole, size))

    def __contains__(self, name: object) -> bool:
        return name in self.specs

    def __iter__(self) -> Iterator[str]:
        return iter(self.specs)

    def __len__(self) -> int:
        return len(self.specs)

    @property
    def stored(self) -> Weights:
        """What a file keeps of them: less than they are where they are packed."""
        return self

    @property
    def bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(spec.bytes for spec in self.specs.values())

    @property
    def count(self) -> int:
        """Numbers of all tensors."""
        return sum(spec.size for spec in self.specs.values())

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}('{self.source}': {len(self)} tensors, {self.count:,} numbers, "
            f"{self.bytes / 1e6:,.1f} MB)"
        )


@dataclass(frozen=True, repr=False)
class Held(Weights):
    """Weights that lie in memory.

    Parameters
    ----------
    arrays
        Name -> array, of any type that safetensors has.
    source
        What to call them.
    metadata
        Kept, and written to a file.

    Examples
    --------
    >>> Held({"w": np.ones((2, 3), np.float32)})
    Held('memory': 1 tensors, 6 numbers, 0.0 MB)
    """

    arrays: Mapping[str, np.ndarray]
    source: str = "memory"
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def specs(self) -> dict[str, Spec]:  # type: ignore[override]
        """Name -> what the tensor is."""
        return {name: Spec(name_of(a.dtype), a.shape) for name, a in self.arrays.items()}

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor."""
        return np.ascontiguousarray(self.arrays[name]).reshape(-1)[start:stop]


def held(weights: Any) -> dict[str, np.ndarray]:
    """All tensors as arrays, for models that fit into memory."""
    return {name: weights[name] for name in weights}
