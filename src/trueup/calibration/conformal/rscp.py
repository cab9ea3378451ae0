"""RSCP+: sets of classes that hold the truth although the input was changed to mislead.

Examples
--------
>>> rng = np.random.default_rng(0)
>>> y, x = rng.integers(0, 2, 3_000), rng.normal(size=3_000)
>>> x = x + 4 * y - 2                                           # two classes, 4 apart
>>> def scores(x):                                              # score of each class under noise
...     noisy = x[:, None] + 0.5 * rng.normal(size=(len(x), 256))
...     return np.stack([noisy > 0, noisy < 0], axis=1) * 1.0
>>> half = slice(1_000), slice(1_000, None)
>>> own = scores(x[half[0]])[np.arange(1_000), y[half[0]]]
>>> fitted = RSCPPlus(level=0.9, radius=0.25, sigma=0.5).fit(own)
>>> attacked = x[half[1]] + 0.25 * (1 - 2 * y[half[1]])         # towards the other class
>>> sets = fitted.sets(scores(attacked))
>>> bool(sets.members[np.arange(2_000), y[half[1]]].mean() >= 0.9)
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.conformal.smoothing import MARGINS, moved
from trueup.core.cards import Card
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.predictions import Sets


CARD = Card(
    name="RSCPPlus",
    question="calibration",
    family="conformal",
    summary="sets of classes that hold the truth under any attack within a Euclidean radius",
    axes={"score": "any, smoothed by noise", "construction": "split", "guarantee": "robust"},
    paper="Yan, Romano, Weng 2024, arXiv:2404.19651, section 3",
    mission=(256,),
    claims=("coverage under the worst attack",),
    cost="O((n + m k) d) for d draws of noise; the model runs d times a row",
    not_for="inputs that nobody attacks: plain split conformal sets are smaller",
)


@dataclass(frozen=True)
class RSCPPlus:
    r"""Robust sets from scores of noisy copies of each input.

    Use it where inputs can be changed on purpose by at most ``radius`` (in the Euclidean norm)
    before the model sees them. Calibration rows must be clean. Scores are in [0, 1], low where a
    class fits, such as one minus its probability; a ``PTT`` in front makes sets smaller.

    With means :math:`\bar s` over draws and margins :math:`b`, which the smoothed score leaves with
    a chance of ``failure`` :math:`= \beta` at most, the threshold :math:`\tau` is the quantile of
    :math:`\bar s + b` over the calibration rows at rank
    :math:`\lceil (\text{level} + 2 \beta)(n + 1) \rceil`. A class is in the set where

    .. math:: \Phi^{-1}(\bar s - b) - \text{radius} / \sigma \le \Phi^{-1}(\tau).

    The guarantee counts the few draws: it is that of what is computed, not of an ideal average.

    Parameters
    ----------
    level
        Share of sets that hold the truth at least, under attack. In (0, 1).
    radius
        How far an input may be moved, in the unit of the inputs; 0 or more.
    sigma
        Standard deviation of the noise that was added to every number of the inputs.
    margin
        ``"hoeffding"``, ``"bernstein"`` (smaller where scores vary little), or ``"none"``, which
        holds for many draws only.
    failure
        Chance that a margin fails; counted twice in the level.
    """

    level: float = 0.9
    radius: float = 0.125
    sigma: float = 0.25
    margin: str = "hoeffding"
    failure: float = 0.001

    def __post_init__(self) -> None:
        who = "RSCPPlus"
        if self.margin not in MARGINS:
            known = ", ".join(MARGINS)
            raise UsageError(who, f"margin is {self.margin!r}", do=f"Pass one of {known}")
        if not (0 < self.level < 1 and 0 < self.failure < 1 and self.reached < 1):
            raise UsageError(
                who,
                f"level is {self.level}, failure {self.failure}",
                do="Pass shares in (0, 1) with level + 2 failure < 1",
            )
        if not (0 <= self.radius < np.inf and 0 < self.sigma < np.inf):
            raise UsageError(
                who,
                f"radius is {self.radius}, sigma {self.sigma}",
                do="Pass a radius of 0 or more and a sigma above 0",
            )

    @property
    def reached(self) -> float:
        """Level of the quantile: what the margins may fail is added."""
        return self.level + (0.0 if self.margin == "none" else 2 * self.failure)

    def fit(self, scores) -> FittedRSCPPlus:
        """The threshold from clean calibration rows.

        Parameters
        ----------
        scores
            (n, d) scores in [0, 1] of the true class of each row, one a noisy copy.

        Raises
        ------
        EvidenceError
            Scores out of range, no row, or fewer than two draws.
        """
        draws = _checked("RSCPPlus.fit", scores, 2)
        above = np.minimum(draws.mean(axis=-1) + MARGINS[self.margin](draws, self.failure), 1.0)
        rank = int(np.ceil(self.reached * (len(above) + 1) - 1e-9))
        threshold = float(np.sort(above)[rank - 1]) if rank <= len(above) else 1.0
        return FittedRSCPPlus(self, threshold, len(above))


@dataclass(frozen=True)
class FittedRSCPPlus:
    """A threshold that was learned from clean rows.

    Attributes
    ----------
    settings
        How it was learned.
    threshold
        Of the smoothed score of clean inputs; 1 where every class is in every set.
    n
        Calibration rows.
    """

    settings: RSCPPlus
    threshold: float
    n: int

    def sets(self, scores) -> Sets:
        """Sets of classes of inputs that may have been attacked.

        Parameters
        ----------
        scores
            (m, k, d) scores in [0, 1] of every class, one a noisy copy.
        """
        draws = _checked("FittedRSCPPlus.sets", scores, 3)
        s = self.settings
        below = np.maximum(draws.mean(axis=-1) - MARGINS[s.margin](draws, s.failure), 0.0)
        limit = moved(self.threshold, s.radius / s.sigma)
        return Sets(below <= limit, s.level)


def _checked(who: str, scores, dimensions: int) -> np.ndarray:
    """Scores as finite shares with at least two draws in the last dimension."""
    draws = np.asarray(scores, dtype=np.float64)
    if draws.ndim != dimensions or not len(draws) or draws.shape[-1] < 2:
        shape = "(n, d)" if dimensions == 2 else "(m, k, d)"
        raise EvidenceError(
            who, f"scores have shape {draws.shape}", do=f"Pass {shape} with d of 2 or more"
        )
    if not (draws.min() >= 0 and draws.max() <= 1):  # NaN fails, too
        raise EvidenceError(
            who,
            f"scores reach from {draws.min():g} to {draws.max():g}",
            why="the bounds are for scores in [0, 1]",
            do="Pass one minus a probability, or a PTT of any score",
        )
    return draws
