"""Centred isotonic calibration: the isotonic curve without its flat steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from trueup.calibration.recalibrate.steps import distinct
from trueup.core.cards import Card
from trueup.core.events import AbstractEventCorrection, AbstractEventMap
from trueup.core.expressions import Expr, Piecewise


CARD = Card(
    name="CentredIsotonic",
    question="calibration",
    family="recalibrate",
    summary="straight lines through the centres of the isotonic steps: any rising shape, no ties",
    axes={"map": "rising lines", "loss": "squared", "grouping": "one versus rest"},
    paper="Oron & Flournoy 2017, Statistics in Biopharmaceutical Research 9(3), arXiv:1701.05964",
    claims=("never falls", "keeps scores apart"),
    cost="O(n log n); times k for k > 2 classes",
    not_for="curves with true jumps, which it rounds off",
)


@dataclass(frozen=True)
class CentredIsotonic(AbstractEventCorrection):
    """Interpolate between the blocks of the isotonic curve, each placed at its mean score.

    Isotonic calibration makes all scores of a block equal, though the truth rises. Here a block
    stands at the weighted mean of its scores, and lines in log-odds join neighbours, so that scores
    between the first and the last centre stay apart; outside the curve is level. Blocks whose
    outcomes are all the same say half a surprise in their weight + 1, as in isotonic calibration,
    and are pooled with a neighbour that would not lie further in.

    The paper draws lines between shares; lines between log-odds, through the same points, are what
    a logistic curve is between two scores, and lie within half a percent of them elsewhere.

    Examples
    --------
    >>> from trueup.worlds import confident_by_factor
    >>> world = confident_by_factor(2.0, rows=50_000)
    >>> after = CentredIsotonic().fit(world.evidence).apply(world.evidence.prediction.take([0]))
    >>> said, true = world.evidence.prediction.probs[0, 1], after.probs[0, 1]
    >>> bool(abs(true - world.curve(said)) < 0.03)
    True
    """

    def learn_event(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray):
        x, mass, events = distinct(x, y, weight)
        first = isotonic_regression(events / mass, weights=mass).blocks[:-1]
        mass, events, centre = (np.add.reduceat(v, first) for v in (mass, events, mass * x))
        while len(mass) > 1:
            share = _guarded(mass, events)
            flat = np.flatnonzero(np.diff(share) <= 0)
            if not len(flat):
                break
            keep = np.delete(np.arange(len(mass)), flat[0] + 1)
            mass, events, centre = (np.add.reduceat(v, keep) for v in (mass, events, centre))
        share = _guarded(mass, events)
        return Lines(centre / mass, np.log(share) - np.log1p(-share)), True


def _guarded(mass: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Shares (b,) that are neither 0 nor 1: at least half a surprise in the weight + 1."""
    least = 0.5 / (mass + 1.0)
    return np.clip(events / mass, least, 1.0 - least)


@dataclass(frozen=True, eq=False)
class Lines(AbstractEventMap):
    """Straight lines between points; level outside.

    Parameters
    ----------
    points
        (m,) rising log-odds, m >= 1.
    levels
        (m,) corrected log-odds there.
    """

    points: np.ndarray
    levels: np.ndarray

    def odds(self, x: Expr) -> Expr:
        slopes = np.diff(self.levels) / np.diff(self.points)
        pieces = np.column_stack(
            [np.append(self.levels[0], self.levels), np.zeros(len(self.levels) + 1)]
        )
        pieces[1:-1, 1] = slopes
        return Piecewise(x, self.points, pieces)

    @property
    def parameters(self) -> dict[str, float]:
        return {"points": float(len(self.points))}
