r"""Rounding to the nearest level: :math:`c = \arg\min_c |w - (s\, l_c + o)|`.

Examples
--------
>>> import numpy as np
>>> from trueup.parameters import Quantise
>>> Quantise(bits=4, rounding=Nearest()).fit({"a.weight": np.float32([[7, -3, 1.2]])})["a.weight"]
array([[ 7., -3.,  1.]], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.core.cards import Card
from trueup.parameters.quantisation.rounding import AbstractRounding
from trueup.parameters.quantisation.scales import Scales


CARD = Card(
    name="Nearest",
    question="parameters",
    family="quantisation",
    summary="every weight becomes the nearest level; needs no data",
    paper="Zeng et al. 2023, GLM-130B, ICLR, 2210.02414, section 3",
    axes={"rounding": "nearest"},
    mission=(230, 79),
    cost="a pass over the weights",
    not_for="3 bits and fewer where rows of inputs are at hand: GPTQ is closer",
)


@dataclass(frozen=True)
class Nearest(AbstractRounding):
    """Round every weight by itself."""

    def __call__(
        self, matrix: np.ndarray, scales: Scales, gram: np.ndarray | None
    ) -> tuple[np.ndarray, Scales]:
        return scales.codes(matrix), scales
