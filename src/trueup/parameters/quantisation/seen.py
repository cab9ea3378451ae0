"""What the layers of a network are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trueup.core.weights.packed import AbstractPacked


WEIGHT = ".weight"


class Unseen:
    """Nobody looks at inputs."""

    rows = 0

    def grams(self, name: str) -> np.ndarray | None:
        """(groups, d, d) mean of x x' of what the layer of a tensor is given; None: unknown."""
        return None

    def put(self, name: str, tensor: AbstractPacked) -> None:
        """Let later layers see what this one gives now."""


class Looked(Unseen):
    """All layers are looked at once, in the network as it is."""

    def __init__(self, network: Any, inputs: Any, names: Sequence[str]) -> None:
        from trueup.adapters.network import rows_of

        self.network, self.inputs, self.rows = network, inputs, rows_of(inputs)
        self.seen = self._look(names)

    def _look(self, names: Sequence[str]) -> dict[str, Any]:
        own = [layer for name in names if (layer := name.removesuffix(WEIGHT)) in self._layers]
        return self.network.seen(self.inputs, names=own)

    @property
    def _layers(self) -> Any:
        return self.network.layers

    def grams(self, name: str) -> np.ndarray | None:
        seen = self.seen.get(name.removesuffix(WEIGHT))
        return None if seen is None else seen.xx / seen.rows


class InTurn(Looked):
    """A layer is looked at when its turn comes; those before it are quantised by then."""

    def __init__(self, network: Any, inputs: Any, names: Sequence[str]) -> None:
        super().__init__(type(network).of(network.module), inputs, [])

    def grams(self, name: str) -> np.ndarray | None:
        self.seen = self._look([name]) if name.removesuffix(WEIGHT) in self._layers else {}
        return super().grams(name)

    def put(self, name: str, tensor: AbstractPacked) -> None:
        layer = self._layers.get(name.removesuffix(WEIGHT))
        if layer is not None:
            layer.set_matrix(tensor.values())
