r"""DELLA: differences are dropped by chance, small ones rather than large ones; signs are elected.

.. math:: \tilde\tau_j = \frac{m_j \tau_j}{1 - p_j}, \quad m_j \sim \mathrm{Bernoulli}(1 - p_j),
    \quad p_j = p + \epsilon \, (r_j - \tfrac12)

where :math:`r_j` is the rank of :math:`|\tau_j|` in its tensor, 0 of the largest and 1 of the
smallest. The paper ranks within a row of a matrix.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> base, tuned = {"w": np.zeros(4, np.float32)}, {"w": np.float32([8, 4, 2, 1])}
>>> merge([tuned], base=base, method=DELLA(rate=0.5, spread=0.8), seed=1)["w"].round(3)
array([8.889, 6.316, 0.   , 0.   ], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.cards import Card
from trueup.parameters.merging.consensus import consensus_of
from trueup.parameters.merging.rule import AbstractRow, TaskVectors, factor
from trueup.parameters.merging.sparsifiers import RankedDrop


CARD = Card(
    name="DELLA",
    question="parameters",
    family="merging",
    summary="differences dropped by chance, the small rather than the large; signs elected",
    paper="Deep et al. 2024, DELLA-Merging, 2406.11617, section 3",
    axes={"delta": "from the base", "sparsify": "ranked drop", "consensus": "elected"},
    claims=("keeps the mean",),
    cost="O(k n), two passes over the files; no sort",
    not_for="models without a common base",
)


@dataclass(frozen=True)
class DELLA(AbstractRow):
    r"""Drop by rank, elect signs, merge.

    Parameters
    ----------
    rate
        :math:`p`, mean chance to be dropped.
    spread
        :math:`\epsilon`, chance of the smallest less that of the largest.
    consensus
        ``"elected"`` as in the paper, ``"mean"`` or ``"sum"``.
    scale
        What the merged difference is multiplied by.
    """

    rate: float = 0.7
    spread: float = 0.2
    consensus: str = "elected"
    scale: float = 1.0

    def row(self) -> TaskVectors:
        factor("DELLA", "scale", self.scale)
        drop = RankedDrop(self.rate, self.spread)
        return TaskVectors(drop, consensus_of("DELLA", self.consensus), self.scale)
