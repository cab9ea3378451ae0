"""Quantile mapping: values so moved that what is said is distributed as what happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.distributions.isotonic_cdf import empirical_quantiles
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.evidence import Evidence
from trueup.core.expressions import Expr, Join, Piecewise
from trueup.core.fitted import AbstractMap
from trueup.core.forms import columns_of
from trueup.core.predictions import Quantiles


CARD = Card(
    name="QuantileMapping",
    question="calibration",
    family="distributions",
    summary="move values so that all that is said has the distribution of what happens",
    axes={"map": "monotone map of values", "loss": "distance of two distributions"},
    paper="Wood, Leung, Sridhar & Lettenmaier 2004, Climatic Change 62: bias correction; "
    "Gudmundsson et al. 2012, Hydrology and Earth System Sciences 16(9) (constant beyond the ends)",
    claims=("matches the distribution of what happens",),
    cost="O(n w log n w) once; a search among the knots a value",
    not_for="spread that is wrong: a distribution may fit while every forecast is too sure; points "
    "that are good means, which must vary less than the truth",
    excused={
        "leaves what is already perfect: points": "good means vary less than the truth does, and "
        "their distribution is not that of the truth"
    },
)


@dataclass(frozen=True)
class ValueMap(AbstractMap):
    """The same rising curve for every column.

    Parameters
    ----------
    knots, values
        (k,) rising values that are said and what they become; straight lines between them, and the
        shift of the outermost knots beyond.
    """

    knots: np.ndarray
    values: np.ndarray

    def expression(self, logs: Expr) -> Expr:
        rise = np.diff(self.values) / np.diff(self.knots) if len(self.knots) > 1 else np.zeros(0)
        starts = np.concatenate([self.values[:1], self.values])
        pieces = np.column_stack([starts, np.concatenate([[1.0], rise, [1.0]])])
        curves = (Piecewise(logs[j], self.knots, pieces) for j in range(logs.width))
        return Join(tuple(curves))

    @property
    def parameters(self) -> dict[str, float]:
        shifts = self.values - self.knots
        middle = float(np.interp(0.5, np.linspace(0, 1, len(shifts)), shifts))
        return {"lowest shift": float(shifts[0]), "middle shift": middle,
                "highest shift": float(shifts[-1])}  # fmt: skip


@dataclass(frozen=True)
class QuantileMapping(AbstractCorrection):
    r"""Map values so that the distribution of all that is said is that of what happens.

    Use it for simulators and downscaled models whose error depends on the value: too many small
    values, extremes that are cut. It looks at distributions over all rows, not at rows: it cannot
    know whether a single forecast was good.

    :math:`h(x) = F_y^{-1}(F_x(x))`, both at ``knots`` shares :math:`(j - 1/2) / k`, with straight
    lines between. Members of an ensemble are pooled; of quantiles each stands for the share of
    levels that is nearer to it than to its neighbours. Beyond the outermost knots h shifts by what
    it shifts there.

    Parameters
    ----------
    knots
        Number of knots; no more than rows are used.

    Examples
    --------
    >>> from trueup.core import Evidence, Points
    >>> x = np.random.default_rng(0).normal(size=5_000)
    >>> fitted = QuantileMapping().fit(Evidence(Points(x), np.exp(x)))
    >>> fitted.apply(Points([0.0, 1.0])).values.round(1)
    array([1. , 2.7])
    """

    knots: int = 50
    kinds: ClassVar[tuple[str, ...]] = ("points", "ensemble", "quantiles")

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        columns = columns_of(evidence.prediction)
        share = _shares(evidence.prediction, columns.shape[1])
        pooled, unit = (weight[:, None] * share).ravel(), np.tile(share, len(weight))
        rows = float(weight.sum())
        count = int(np.clip(min(self.knots, rows), 1, None))
        levels = (np.arange(count) + 0.5) / count
        said = empirical_quantiles(columns.ravel(), pooled, levels, unit=unit)
        happened = empirical_quantiles(evidence.truth, weight, levels)
        knots, group = np.unique(said, return_inverse=True)
        values = np.bincount(group, happened) / np.bincount(group)
        return ValueMap(knots, values), True


def _shares(prediction, width: int) -> np.ndarray:
    """(w,) shares of a row's law that its columns stand for."""
    if not isinstance(prediction, Quantiles):
        return np.full(width, 1.0 / width)
    middle = (prediction.levels[1:] + prediction.levels[:-1]) / 2
    return np.diff(np.concatenate([[0.0], middle, [1.0]]))
