"""Weights of which a few tensors are others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trueup.core.errors import EvidenceError
from trueup.core.weights.types import dtype_of
from trueup.core.weights.view import Spec, Weights


@dataclass(frozen=True, repr=False, eq=False)
class Changed(Weights):
    """``rest`` with the tensors of ``arrays`` in place of its own.

    Parameters
    ----------
    rest
        Names, order, types, and all other tensors.
    arrays
        Name -> array of the shape that the tensor has; it is read in the tensor's own type.

    Examples
    --------
    >>> from trueup.core.weights import Held
    >>> old = Held({"w": np.zeros(2), "b": np.zeros(1)})
    >>> Changed(old, {"b": np.ones(1)})["b"]
    array([1.])
    """

    rest: Weights
    arrays: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            if name not in self.rest or self.rest.specs[name].shape != array.shape:
                raise EvidenceError(
                    "weights", f"{self.rest.source} has no tensor '{name}' of shape {array.shape}",
                    do="Change tensors that are there",
                )  # fmt: skip

    @property
    def source(self) -> str:  # type: ignore[override]
        """Where they come from."""
        return self.rest.source

    @property
    def specs(self) -> dict[str, Spec]:  # type: ignore[override]
        """Name -> what the tensor is."""
        return self.rest.specs

    @property
    def metadata(self) -> dict[str, str]:  # type: ignore[override]
        """What the file says of itself."""
        return self.rest.metadata

    def read(self, name: str, start: int, stop: int) -> np.ndarray:
        """Numbers ``start`` to ``stop`` of the flattened tensor, in its own type."""
        if name not in self.arrays:
            return self.rest.read(name, start, stop)
        part = np.ascontiguousarray(self.arrays[name]).reshape(-1)[start:stop]
        return part.astype(dtype_of(self.specs[name].type), copy=False)
