"""Histogram binning: what happened among similar scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueup.calibration.recalibrate.steps import distinct, steps_from
from trueup.core.cards import Card
from trueup.core.events import AbstractEventCorrection
from trueup.core.grid import check_bins, equal_mass


CARD = Card(
    name="HistogramBinning",
    question="calibration",
    family="recalibrate",
    summary="replace a score by the share of events in its bin of equal mass",
    axes={"map": "steps of equal mass", "loss": "squared", "grouping": "one versus rest"},
    paper="Zadrozny & Elkan 2001, ICML",
    claims=("keeps the base rate",),
    cost="O(n log n); times k for k > 2 classes",
    not_for="ranking: all scores of a bin become equal",
    excused={
        "leaves what is already perfect": "a step gives up the differences inside its bin",
    },
)


@dataclass(frozen=True)
class HistogramBinning(AbstractEventCorrection):
    """Map the score to the mean outcome of its bin; bins hold about equally much weight.

    Parameters
    ----------
    bins
        At most this many bins, >= 1; equal scores stay together.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=50_000)
    >>> HistogramBinning(bins=10).fit(world.evidence).map.parameters
    {'steps': 10.0}
    """

    bins: int = 15

    def __post_init__(self) -> None:
        check_bins("HistogramBinning", self.bins)

    def learn_event(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray):
        x, mass, events = distinct(x, y, weight)
        part = equal_mass(mass, bins=self.bins)
        first = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1])
        last = np.append(first[1:], len(x)) - 1
        total = np.add.reduceat(mass, first)
        share = np.add.reduceat(events, first) / total
        return steps_from(x[first], x[last], share, total), True
