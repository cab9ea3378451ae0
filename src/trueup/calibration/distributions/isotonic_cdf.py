"""Recalibrated levels: the stated level that really is reached at each level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtr, ndtri

from trueup.calibration.distributions.maps import Affine
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.evidence import Evidence
from trueup.core.fitted import AbstractMap
from trueup.core.forms import Form, form_of
from trueup.core.predictions import Normal, Quantiles
from trueup.core.validate import inside


CARD = Card(
    name="IsotonicCDF",
    question="calibration",
    family="distributions",
    summary="replace every level by the stated level that was really reached so often",
    axes={"map": "monotone map of levels", "loss": "share of truths below a stated quantile"},
    paper="Kuleshov, Fenner & Ermon 2018, ICML, arXiv:1807.00263, algorithm 1",
    claims=("covers its level", "recovers the spread", "does no harm"),
    cost="O(n q), or a sort of n numbers for normal laws",
    not_for="fewer than a few hundred rows; tails beyond the fit's rows",
)

LEVELS = (0.01, 0.025, *np.round(np.arange(0.05, 0.96, 0.05), 2).tolist(), 0.975, 0.99)
"""The 23 levels that hubs of forecasts ask for."""


@dataclass(frozen=True)
class IsotonicCDF(AbstractCorrection):
    r"""Say at every level the stated quantile that the truth fell below so often.

    Use it where forecasts are skewed or heavy-tailed in ways that one factor cannot mend, with some
    hundred rows at least. With R(p) the share of truths below the stated quantile at p, made
    monotone by isotonic regression, the quantile at level :math:`\tau` becomes the stated one at
    :math:`R^{-1}(\tau)`.

    Of normal laws that is :math:`\text{mean} + \text{sd} \cdot z_\tau`, with the empirical quantile
    of :math:`z = (y - \text{mean}) / \text{sd}`, linear between plotting positions
    :math:`(j - 1/2) / n` and constant beyond them. Of quantiles R is known at the stated levels
    only. Between them both R and a row's quantiles are taken as linear in the normal score
    :math:`\Phi^{-1}` of the level, which is exact for normal laws. Beyond the outermost level R
    goes on along the line of least squares through the points of the outer quarter of levels, and a
    row's quantiles along the line through its two outermost, so that a forecast can become wider
    than all that it said.

    Parameters
    ----------
    levels
        Levels (q,) of what comes out for normal laws, rising, in (0, 1); quantiles keep theirs.

    Examples
    --------
    >>> from trueup.worlds import forecasts
    >>> evidence = forecasts("normal", spread=0.5).evidence
    >>> after = IsotonicCDF(levels=(0.05, 0.95)).fit(evidence).apply(evidence.prediction)
    >>> bool(abs((evidence.truth < after.values[:, 1]).mean() - 0.95) < 0.01)
    True
    """

    levels: tuple[float, ...] = LEVELS
    kinds: ClassVar[tuple[str, ...]] = ("normal", "quantiles")

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(map(float, self.levels)))
        inside("IsotonicCDF", "levels", np.array(self.levels))

    def gives(self, takes: Form) -> Form:
        return takes if takes.kind == "quantiles" else quantile_form(self.levels)

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        prediction = evidence.prediction
        if isinstance(prediction, Normal):
            z = (evidence.truth - prediction.mean) / prediction.sd
            places = empirical_quantiles(z, weight, np.array(self.levels))
            made = np.column_stack([np.ones(len(places)), places])
        else:
            assert isinstance(prediction, Quantiles)
            stated = ndtri(prediction.levels)
            reached = _reached(prediction, evidence.truth, weight)
            places = _inverse(stated, reached, ndtri(prediction.levels))
            made = between(stated, places)
        levels = self.gives(form_of(prediction)).levels
        words = tuple(f"level for {level:g}" for level in levels)
        numbers = tuple(float(p) for p in ndtr(places))
        return Affine(made, np.zeros(len(made)), words, numbers), True


def quantile_form(levels: tuple[float, ...]) -> Form:
    """The form of quantiles at ``levels``."""
    return Form("quantiles", len(levels), levels)


def empirical_quantiles(values, weight, levels, *, unit: float | np.ndarray = 1.0) -> np.ndarray:
    """Weighted quantiles, linear between the plotting positions (j - 1/2) / n of whole weights.

    ``unit`` is what one value weighs, one number or (n,): twice as much stands for two of them.
    """
    order = np.argsort(values)
    values, w, half = values[order], weight[order], np.broadcast_to(unit, values.shape)[order] / 2
    top = np.cumsum(w)
    # A row of weight w stands for w equal ones: its value holds from its first to its last.
    ends = np.column_stack([top - w + half, top - half])[w > 0]
    ends = np.where(ends[:, :1] > ends[:, 1:], ends.mean(axis=1, keepdims=True), ends)
    return np.interp(levels * top[-1], ends.ravel(), np.repeat(values[w > 0], 2))


def _reached(prediction: Quantiles, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(q,) normal scores of the shares of truths at or below the stated quantiles, rising.

    Half a row is added on either side: a share of 0 or 1 has no normal score.
    """
    below = weight @ (truth[:, None] <= prediction.values)
    return ndtri((isotonic_regression(below).x + 0.5) / (weight.sum() + 1.0))


def _inverse(stated: np.ndarray, reached: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Normal scores of the stated levels at which the ``wanted`` scores are reached."""
    # Levels that are reached equally often stand for one place in their middle.
    known, group = np.unique(reached, return_inverse=True)
    places = np.bincount(group, stated) / np.bincount(group)
    made = np.interp(wanted, known, places)
    for side in (-1, 1):
        edge, outer = (0 if side < 0 else -1), side * stated >= ndtri(0.75) - 1e-9
        outer = outer if outer.sum() > 1 else np.ones(len(stated), bool)
        slope = _slope(stated[outer], reached[outer])
        beyond = side * (wanted - known[edge]) > 0
        made = np.where(beyond, places[edge] + (wanted - known[edge]) / slope, made)
    return made


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Slope of least squares, kept between 1/20 and 20; 1 of fewer than two points."""
    off = x - x.mean() if len(x) else x
    return float(np.clip(off @ y / (off @ off), 0.05, 20.0)) if len(x) > 1 else 1.0


def between(stated: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(m, q) weights of a row's quantiles at ``stated`` scores for those at ``places``."""
    if len(stated) == 1:
        return np.ones((len(places), 1))
    j = np.clip(np.searchsorted(stated, places), 1, len(stated) - 1)
    share = (places - stated[j - 1]) / (stated[j] - stated[j - 1])
    made, rows = np.zeros((len(places), len(stated))), np.arange(len(places))
    made[rows, j - 1], made[rows, j] = 1.0 - share, share
    return made
