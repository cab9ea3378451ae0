r"""The average of models, by their shares: :math:`\theta = \sum_i w_i \theta_i`.

A uniform soup is the average of fine-tuned models with equal shares.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> one, two = {"w": np.float32([1, 2])}, {"w": np.float32([3, 6])}
>>> merge([one, two])["w"]
array([2., 4.], dtype=float32)
>>> merge([one, two], shares=[3, 1])["w"]
array([1.5, 3. ], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.parameters.merging.rule import AbstractMerging, Combine
from trueup.parameters.merging.stack import Piece, Stack


CARD = Card(
    name="Average",
    question="parameters",
    family="merging",
    summary="average of the weights of models that share a start",
    paper="Wortsman et al. 2022, Model soups, ICML, 2203.05482, section 2; Utans 1996",
    axes={"delta": "weights", "sparsify": "none", "consensus": "mean"},
    mission=(34,),
    cost="O(k n), a pass over the files",
    not_for="models that do not share a start: their neurons stand in different orders",
)


@dataclass(frozen=True)
class Average(AbstractMerging):
    """Average of models; shares come from the call of ``merge``."""

    def ready(self, stack: Stack) -> Combine:
        def combine(piece: Piece) -> np.ndarray:
            return weighed(piece.models, stack.shares)

        return combine


def weighed(models: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Sum over models (k, m) by their shares (k,), one model after another.

    Equal shares divide the sum once, as people do who average by hand.
    """
    dtype = models.dtype.type
    if (shares == shares[0]).all():
        total = models[0].copy()
        for row in models[1:]:
            total += row
        total *= dtype(shares[0])
        return total
    total = models[0] * dtype(shares[0])
    for row, share in zip(models[1:], shares[1:], strict=True):
        total += row * dtype(share)
    return total
