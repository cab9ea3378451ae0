r"""TIES: trim, elect signs, and average what agrees.

Of every difference from the base the largest stay. The sign of each number is elected by the sum of
differences; those that have it are averaged, the others have no part.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> base, one, two = ({"w": np.float32(v)} for v in ([0, 0, 0, 0], [4, 0, 1, -3], [2, 1, 0, 5]))
>>> merge([one, two], base=base, method=TIES(density=0.5))["w"]
array([3., 0., 0., 5.], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.cards import Card
from trueup.parameters.merging.consensus import Elected
from trueup.parameters.merging.rule import AbstractRow, TaskVectors, factor
from trueup.parameters.merging.sparsifiers import Top


CARD = Card(
    name="TIES",
    question="parameters",
    family="merging",
    summary="largest differences from the base, signs elected, those that agree averaged",
    paper="Yadav et al. 2023, TIES-Merging, NeurIPS, 2306.01708, section 4",
    axes={"delta": "from the base", "sparsify": "top", "consensus": "elected"},
    cost="O(k n), four passes over the files; no sort",
    not_for="models without a common base",
)


@dataclass(frozen=True)
class TIES(AbstractRow):
    r"""Trim, elect signs, merge.

    Parameters
    ----------
    density
        Share of each difference that stays, in (0, 1].
    scale
        :math:`\lambda`, what the merged difference is multiplied by.
    scope
        Ranked within a ``"tensor"``, as is usual for large models, or within the ``"model"``, as
        in the paper.
    """

    density: float = 0.2
    scale: float = 1.0
    scope: str = "tensor"

    def row(self) -> TaskVectors:
        factor("TIES", "scale", self.scale)
        return TaskVectors(Top(self.density, self.scope), Elected(), self.scale)
