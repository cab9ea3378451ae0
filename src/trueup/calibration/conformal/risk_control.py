"""Conformal risk control: a threshold at which the mean of any bounded loss stays low enough.

Examples
--------
>>> rng = np.random.default_rng(0)
>>> said = rng.random((2_000, 20))                      # probabilities of 20 labels a row
>>> true = rng.random((2_000, 20)) < said ** 2          # those that apply; the model is too bold
>>> cuts = np.linspace(0.0, 1.0, 101)                   # labels with said >= cut are named
>>> missed = [(true & (said < c)).sum(axis=1) / np.maximum(true.sum(axis=1), 1) for c in cuts]
>>> found = ConformalRiskControl(risk=0.1).fit(np.transpose(missed), cuts)
>>> found.threshold
0.46
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.conformal.losses import (
    RiskThreshold,
    check_losses,
    check_risk,
    last_of,
)
from trueup.core.cards import Card
from trueup.core.errors import EvidenceError
from trueup.core.estimate import Estimate


CARD = Card(
    name="ConformalRiskControl",
    question="calibration",
    family="conformal",
    summary="choose a threshold so that the expected loss of the next row stays below a bound",
    axes={"score": "any loss", "construction": "a grid of thresholds", "guarantee": "mean"},
    paper="Angelopoulos, Bates, Fisch, Lei, Schuster 2022, arXiv:2208.02814, section 2",
    claims=("expected loss of a new row is held",),
    cost="O(n t) for n rows and t thresholds",
    not_for="losses that do not rise along the grid, or a promise for this one data set: use "
    "LearnThenTest",
)


@dataclass(frozen=True)
class ConformalRiskControl:
    r"""Choose the most useful threshold with :math:`\mathbb{E}\,\ell(\lambda) \le` ``risk``.

    Use it to bound the share of missed labels, of missed pixels, of a wrong ranking: any loss that
    does not fall along a grid of thresholds. With a loss of 0 or 1 for "not in the set" it is split
    conformal prediction. The mean is over data sets and the next row; for this one data set the
    risk may lie above the bound.

    With :math:`n` rows and losses in :math:`[0, B]` the last threshold is taken with

    .. math:: \frac{n}{n + 1} \hat R(\lambda) + \frac{B}{n + 1} \le \text{risk}

    at it and at all before it.

    Parameters
    ----------
    risk
        Mean loss that is allowed at most. In (0, largest).
    largest
        Largest loss :math:`B` that is possible.
    """

    risk: float = 0.1
    largest: float = 1.0

    def __post_init__(self) -> None:
        check_risk("ConformalRiskControl", self.risk, self.largest)

    def fit(self, losses, thresholds) -> RiskThreshold:
        """The threshold that labelled rows allow.

        Parameters
        ----------
        losses
            (n, t) loss of each row at each threshold, from 0 to ``largest``, not falling in a row.
        thresholds
            (t,) the grid, **from the safest to the riskiest**; (t, d) where each is d numbers.

        Raises
        ------
        EvidenceError
            Shapes that do not fit, losses out of range, or losses that fall along the grid.
        """
        shares, grid = check_losses("ConformalRiskControl.fit", losses, thresholds, self.largest)
        _check_rising(shares)
        n = len(shares)
        bounds = self.largest * (shares.sum(axis=0) + 1.0) / (n + 1)
        # Sums of losses carry rounding: a bound that equals the risk counts as held.
        allowed = np.logical_and.accumulate(bounds <= self.risk * (1 + 1e-12))
        place, threshold = last_of(grid, allowed)
        mean = np.nan if place is None else self.largest * float(shares[:, place].mean())
        how = f"mean over data sets is at most {self.risk:g}"
        return RiskThreshold(place, threshold, Estimate(mean, n=n, how=how), allowed, bounds)


def _check_rising(shares: np.ndarray) -> None:
    falls = (np.diff(shares, axis=1) < -1e-12).any(axis=1)
    if falls.any():
        raise EvidenceError(
            "ConformalRiskControl.fit",
            f"losses fall along the grid in {int(falls.sum())} of {len(falls)} rows, the first at "
            f"{int(falls.argmax())}",
            why="thresholds go from the safest to the riskiest",
            do="Turn the grid round, or pass np.maximum.accumulate(losses, axis=1), or use "
            "LearnThenTest",
        )
