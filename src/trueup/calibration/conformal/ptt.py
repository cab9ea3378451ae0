"""Post-training transformation: bend a score so that its robust sets are small.

Examples
--------
>>> held_out = np.random.default_rng(0).random(250) ** 4       # scores of true classes
>>> bent = PTT().fit(held_out)
>>> bent(np.quantile(held_out, [0.9, 0.95, 0.99])).round(2).tolist()
[0.0, 0.31, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from trueup.core.cards import Card
from trueup.core.errors import UsageError
from trueup.core.validate import finite


CARD = Card(
    name="PTT",
    question="calibration",
    family="conformal",
    summary="rank of a score among held-out rows, then a steep sigmoid: robust sets get smaller",
    axes={"score": "any, bent by rank and sigmoid", "construction": "none", "guarantee": "none"},
    paper="Yan, Romano, Weng 2024, arXiv:2404.19651, section 4.1",
    mission=(256,),
    claims=("coverage under the worst attack",),
    cost="O(log h) a score for h held-out rows",
    not_for="rows that calibrate as well: the ranks must come from rows of their own",
)


@dataclass(frozen=True)
class PTT:
    r"""Turn any score into a share whose slope is large where the threshold will lie.

    A robust set lets the threshold slip by a fixed distance after smoothing. Where many scores lie
    close to the threshold that lets many classes in. Ranks spread them evenly, and the sigmoid

    .. math:: Q(s) = 1 / (1 + e^{-T (r(s) / h - c)})

    sends those below the rank :math:`c` to 0 and those above to 1, so that the margin matters
    little. Any rising map keeps the guarantee, as long as it does not see the calibration rows.

    Parameters
    ----------
    steepness
        :math:`T` > 0; the paper takes 400.
    bend
        :math:`c`, the rank in the middle: somewhat above the level of the sets. The paper takes 0.9
        for sets of level 0.9; there ranks of 250 rows err by .02, and where that puts the threshold
        above the middle every set is full.
    """

    steepness: float = 400.0
    bend: float = 0.95

    def __post_init__(self) -> None:
        if not (self.steepness > 0 and 0 <= self.bend <= 1):
            raise UsageError(
                "PTT",
                f"steepness is {self.steepness}, bend {self.bend}",
                do="Pass a steepness above 0 and a bend in [0, 1]",
            )

    def fit(self, scores) -> FittedPTT:
        """Learn the ranks.

        Parameters
        ----------
        scores
            (h,) scores of the true classes of rows that are held out for this, without noise or
            with one draw of it.
        """
        return FittedPTT(self, np.sort(finite("PTT.fit", scores, 1)))


@dataclass(frozen=True, eq=False)
class FittedPTT:
    """The map of a score into [0, 1].

    Attributes
    ----------
    settings
        How it was learned.
    held_out
        (h,) scores that give the ranks, rising.
    """

    settings: PTT
    held_out: np.ndarray

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Shares of the shape of ``scores``."""
        rank = np.searchsorted(self.held_out, scores, side="right") / max(len(self.held_out), 1)
        return expit(self.settings.steepness * (rank - self.settings.bend))
