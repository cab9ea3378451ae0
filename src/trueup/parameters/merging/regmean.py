r"""RegMean: every layer is the least squares fit to what the models' own layers give.

With :math:`G_i = X_i' X_i` of the inputs :math:`X_i` that the layer of model i is given on its own
rows, and :math:`\tilde G_i` the same with all but its diagonal shrunk by :math:`1 - s`,

.. math::  W = \Big(\sum_i w_i \tilde G_i\Big)^{-1} \sum_i w_i \tilde G_i W_i

Along inputs that no model was given, the weights are averaged, and so are biases, norms and
embeddings. The models should share a start: with neurons in other orders align them first.

Examples
--------
>>> import numpy as np, torch
>>> from trueup.parameters import merge
>>> _ = torch.manual_seed(0)
>>> one, two = torch.nn.Linear(2, 1, bias=False), torch.nn.Linear(2, 1, bias=False)
>>> rows = [np.float32([[1, 0]]), np.float32([[0, 1]])]  # each model knows one of the inputs
>>> merged = merge([one, two], method=RegMean(one, rows, shrink=0.0))
>>> bool(np.allclose(merged["weight"][0], [one.weight[0, 0].item(), two.weight[0, 1].item()]))
True
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.parameters.merging.average import weighed
from trueup.parameters.merging.rule import AbstractMerging, Combine
from trueup.parameters.merging.stack import Piece, Stack


CARD = Card(
    name="RegMean",
    question="parameters",
    family="merging",
    summary="merge whose layers fit what the models' own layers give on their own rows",
    paper="Jin, Ren, Preotiuc-Pietro, Cheng 2023, Dataless Knowledge Fusion by Merging Weights of "
    "Language Models, ICLR, 2212.09849, section 3.2",
    axes={"delta": "weights", "align": "none", "consensus": "least squares of layers"},
    not_for="models that do not share a start, unless they are aligned first",
    cost="a run of each model on its rows, and O(d^3) for d inputs of a layer",
    needs=("torch",),
)


EMPTY = 1e-6
"""Share of the largest eigenvalue below which inputs were not seen: sums are of 24 bits."""


@dataclass(frozen=True)
class RegMean(AbstractMerging):
    """Closed-form regression mean of layers.

    Parameters
    ----------
    arch
        The torch module of the models, a function that makes it, or ``"module:function"``.
    on
        Rows of inputs without labels: those of all models, or a list with those of each.
    shrink
        s in [0, 1], how much numbers off the diagonal are shrunk; with 1 it is a mean of weights by
        the squares of their inputs.
    """

    arch: Any = field(repr=False)
    on: Any = field(repr=False)
    shrink: float = 0.1

    scope: ClassVar[str] = "model"

    def __post_init__(self) -> None:
        if not 0 <= self.shrink <= 1:
            raise UsageError("RegMean", f"shrink is {self.shrink}", do="Pass 0 to 1")

    def check(self, k: int) -> None:
        """Refuse another number of lists of rows than of models."""
        if isinstance(self.on, list) and len(self.on) != k:
            raise UsageError(
                "RegMean", f"got {len(self.on)} lists of rows for {k} models", do="Pass one a model"
            )

    def ready(self, stack: Stack) -> Combine:
        made = self.layers(stack)

        def combine(piece: Piece) -> np.ndarray:
            if piece.name not in made:
                return weighed(piece.models, stack.shares)
            flat = made[piece.name].reshape(-1)
            return flat[piece.start : piece.start + piece.models.shape[1]].astype(
                piece.models.dtype, copy=False
            )

        return combine

    def layers(self, stack: Stack) -> dict[str, np.ndarray]:
        """Name of the weights of a layer -> (g, out, d) merged ones."""
        from trueup.adapters.network import Network

        nets = [Network.of(self.arch, model) for model in stack.models]
        rows = self.on if isinstance(self.on, list) else [self.on] * len(nets)
        seen = [net.seen(x) for net, x in zip(nets, rows, strict=True)]
        made = {}
        for name in seen[0]:
            shares = stack.shares
            each = np.array([net.layers[name].matrix for net in nets], np.float64)
            grams = np.array([self.shrunk(one[name].xx / one[name].rows) for one in seen])
            mean = np.einsum("k,kgod->god", shares, each)
            # Differences from the mean are fitted, so that what no model saw is the mean.
            moment = np.einsum("k,kgde,kgoe->gdo", shares, grams, each - mean)
            whole = np.linalg.pinv(np.einsum("k,kgde->gde", shares, grams), EMPTY, hermitian=True)
            key = f"{name}.weight" if name else "weight"
            made[key] = mean + (whole @ moment).transpose(0, 2, 1)
        return made

    def shrunk(self, gram: np.ndarray) -> np.ndarray:
        """(g, d, d) with all but the diagonals less by ``shrink``."""
        d = gram.shape[-1]
        return gram * np.where(np.eye(d, dtype=bool), 1.0, 1 - self.shrink)
