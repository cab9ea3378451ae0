r"""Model breadcrumbs: differences that stick out and differences that hardly differ are left out.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> base, tuned = {"w": np.zeros(4, np.float32)}, {"w": np.float32([9, -3, 2, 0.1])}
>>> method = Breadcrumbs(smallest=0.25, largest=0.25, scale=1.0)
>>> merge([tuned], base=base, method=method)["w"]
array([ 0., -3.,  2.,  0.], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.cards import Card
from trueup.parameters.merging.consensus import consensus_of
from trueup.parameters.merging.rule import AbstractRow, TaskVectors, factor
from trueup.parameters.merging.sparsifiers import Bands


CARD = Card(
    name="Breadcrumbs",
    question="parameters",
    family="merging",
    summary="differences from the base without the largest and the smallest, summed",
    paper="Davari and Belilovsky 2024, Model Breadcrumbs, ECCV, 2312.06795, section 3",
    axes={"delta": "from the base", "sparsify": "bands", "consensus": "sum"},
    cost="O(k n), three passes over the files; no sort",
    not_for="models whose few largest differences are what they learned",
)


@dataclass(frozen=True)
class Breadcrumbs(AbstractRow):
    """Bands of differences, merged.

    Parameters
    ----------
    smallest, largest
        Shares of each tensor's differences that are left out, in [0, 1), below 1 together.
    consensus
        ``"sum"`` as in the paper, ``"mean"``, or ``"elected"``: signs as in TIES.
    scale
        What the merged difference is multiplied by.
    """

    smallest: float = 0.85
    largest: float = 0.01
    consensus: str = "sum"
    scale: float = 0.3

    def row(self) -> TaskVectors:
        factor("Breadcrumbs", "scale", self.scale)
        bands = Bands(self.smallest, self.largest)
        return TaskVectors(bands, consensus_of("Breadcrumbs", self.consensus), self.scale)
