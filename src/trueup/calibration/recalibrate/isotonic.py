"""Isotonic calibration: the best non-decreasing curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from trueup.calibration.recalibrate.pooled import pooled
from trueup.calibration.recalibrate.steps import Steps, steps_from
from trueup.core.cards import Card
from trueup.core.events import AbstractEventCorrection


CARD = Card(
    name="IsotonicCalibration",
    question="calibration",
    family="recalibrate",
    summary="the non-decreasing step curve that fits best: any shape, given enough rows",
    axes={"map": "non-decreasing steps", "loss": "squared", "grouping": "one versus rest"},
    paper="Zadrozny & Elkan 2002, KDD, doi:10.1145/775047.775151",
    claims=("never falls",),
    cost="O(n), as few rows need sorting; times k for k > 2 classes",
    not_for="fewer than about a thousand rows, where it overfits",
)


@dataclass(frozen=True)
class IsotonicCalibration(AbstractEventCorrection):
    """Map the score to the mean outcome of its block of pooled neighbours.

    The pool-adjacent-violators solution minimises the squared error among all non-decreasing maps,
    and the log loss among them as well. Equal scores are pooled first. A block where every outcome
    is the same would say 0 or 1; it says half a surprise in its weight + 1 instead, or what its
    neighbour says where that is further out.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=50_000)
    >>> after = IsotonicCalibration().fit(world.evidence).apply(world.evidence.prediction.take([0]))
    >>> said, true = world.evidence.prediction.probs[0, 1], after.probs[0, 1]
    >>> bool(abs(true - world.curve(said)) < 0.03)
    True
    """

    def learn_event(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray):
        x, mass, events = pooled(x, y, weight)
        found = isotonic_regression(events / mass, weights=mass)
        first, last = found.blocks[:-1], found.blocks[1:] - 1
        steps = steps_from(x[first], x[last], found.x[first], np.add.reduceat(mass, first))
        # Half a surprise in a small block at an end may exceed the share of its large neighbour.
        levels = steps.levels.copy()
        levels[0], levels[-1] = levels[:2].min(), levels[-2:].max()
        return Steps(steps.edges, levels), True
