r"""DARE: most of each difference from the base is dropped by chance, the rest grows by 1 / q.

.. math:: \tilde\tau = \frac{m \odot \tau}{q}, \quad m \sim \mathrm{Bernoulli}(1 - p)

With :math:`q = 1 - p` its mean over chance is :math:`\tau`; a larger q has less variance and some
bias. ``rescaling`` finds a q.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import merge
>>> base, tuned = {"w": np.zeros(8, np.float32)}, {"w": np.ones(8, np.float32)}
>>> merge([tuned], base=base, method=DARE(rate=0.5), seed=2)["w"]
array([2., 0., 0., 0., 2., 2., 0., 2.], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.cards import Card
from trueup.parameters.merging.consensus import consensus_of
from trueup.parameters.merging.rule import AbstractRow, TaskVectors, factor
from trueup.parameters.merging.sparsifiers import Drop


CARD = Card(
    name="DARE",
    question="parameters",
    family="merging",
    summary="differences from the base dropped by chance, the others grown to keep the mean",
    paper="Yu et al. 2024, Language Models are Super Mario, ICML, 2311.03099, section 3",
    axes={"delta": "from the base", "sparsify": "drop", "consensus": "sum"},
    claims=("keeps the mean",),
    cost="O(k n), a pass over the files",
    not_for="large differences, or rates near 1: the noise that is added is p / (1 - p) of squares",
)


@dataclass(frozen=True)
class DARE(AbstractRow):
    r"""Drop and rescale, then merge.

    Parameters
    ----------
    rate
        :math:`p`, chance to be dropped, in [0, 1).
    q
        What the others are divided by, in (0, 1]; None is :math:`1 - p`. Or tensor -> q.
    consensus
        ``"sum"`` as task arithmetic, ``"mean"``, or ``"elected"``: signs as in TIES.
    scale
        What the merged difference is multiplied by.
    """

    rate: float = 0.9
    q: float | dict[str, float] | None = None
    consensus: str = "sum"
    scale: float = 1.0

    def row(self) -> TaskVectors:
        factor("DARE", "scale", self.scale)
        return TaskVectors(
            Drop(self.rate, self.q), consensus_of("DARE", self.consensus), self.scale
        )
