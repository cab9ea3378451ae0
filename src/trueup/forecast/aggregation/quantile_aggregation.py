r"""One quantile forecast from those of several models, by weights learned from the past.

.. math::

   \hat q_k(x) = \sum_j w_{jk}(x) f_{jk}, \qquad w_{\cdot k}(x) = \mathrm{softmax}(B_k \phi(x))

with ``f_jk`` the quantile of model j at level k and weights that are positive and sum to one over
the models: one a model, one a model and level, and with features ones that change from case to
case. ``B`` minimises the mean pinball loss over levels, half the weighted interval score, plus
``penalty`` times the mean depth of crossings and ``shrink / n`` times the squared size of ``B``
(mean over levels), which draws the weights towards equal ones where cases are few. The kink of the
pinball loss is rounded within a thousandth of a typical error, so that L-BFGS with the analytic
gradient finds the minimum; without features the problem is convex in the weights.

What crosses afterwards is sorted, which never raises the score. A model that says nothing of a case
is left out there, and the weights of the others grow in proportion.

Examples
--------
>>> from trueup.worlds import forecasts
>>> world = forecasts("quantiles", rows=2_000)
>>> good = world.evidence.prediction
>>> wide = forecasts("quantiles", spread=4.0, rows=2_000).evidence.prediction
>>> panel = QuantilePanel.of({"good": good, "wide": wide})
>>> fitted = QuantileAggregation().fit(panel, world.evidence.truth)
>>> bool(fitted.weights()[0].mean() > 0.9)
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from trueup.core.cards import Card
from trueup.core.errors import FitError, UsageError
from trueup.core.monotone import ORDERS, rising
from trueup.core.predictions import Quantiles
from trueup.core.validate import finite
from trueup.forecast.aggregation.panel import QuantilePanel
from trueup.forecast.aggregation.pinball import PinballCourse, mixed, shares_of


CARD = Card(
    name="QuantileAggregation",
    question="forecast",
    family="aggregation",
    summary="weights over models, by level and by features, that make the pinball loss least",
    axes={
        "weights": "model | model and level",
        "features": "none | log-linear",
        "monotone": "sort | isotonic | none",
    },
    paper="Fakoor, Kim, Mueller, Smola, Tibshirani 2023, JMLR 24, arXiv:2103.00083",
    mission=(29,),
    claims=("finds the good model",),
    exports=("QuantileAggregation", "QuantilePanel"),
    cost="O(n m q) a step of L-BFGS, about a hundred steps",
    not_for="fewer past cases than some ten a weight: take the median of the models",
)

WEIGHTS = ("model", "level")


@dataclass(frozen=True)
class QuantileAggregation:
    """Settings of an aggregation.

    Parameters
    ----------
    weights
        ``"model"``: one weight a model; ``"level"``: one a model and level.
    monotone
        ``"sort"``, ``"isotonic"`` or empty: how crossing quantiles are put in order.
    penalty
        Weight of the mean depth of crossings while learning, >= 0.
    shrink
        How strongly the weights are drawn towards equal ones, >= 0, in cases: so many cases with
        the loss of equal weights, a squared logit. Cases that depend on each other ask for more.
    """

    weights: str = "model"
    monotone: str = "sort"
    penalty: float = 0.0
    shrink: float = 0.1

    def __post_init__(self) -> None:
        if self.weights not in WEIGHTS or self.monotone not in ORDERS:
            raise UsageError(
                "QuantileAggregation",
                f"weights is '{self.weights}', monotone is '{self.monotone}'",
                do=f"Use weights of {WEIGHTS} and monotone of {ORDERS}",
            )
        if not (self.penalty >= 0 and self.shrink >= 0):
            raise UsageError(
                "QuantileAggregation",
                f"penalty is {self.penalty}, shrink is {self.shrink}",
                do="Pass numbers >= 0",
            )

    def fit(self, panel: QuantilePanel, truth, *, weight=None, features=None) -> Aggregated:
        """Learn the weights.

        Parameters
        ----------
        panel
            n >= 1 past cases.
        truth
            (n,) what happened.
        weight
            (n,) >= 0 how often each case counts; None counts each once.
        features
            (n, d) numbers by which the weights may change; None for the same weights everywhere.
        """
        y = finite("QuantileAggregation.fit", truth, 1)
        if len(panel) == 0 or len(y) != len(panel):
            raise FitError(
                "QuantileAggregation.fit",
                f"{len(panel)} cases and {len(y)} truths",
                do="Pass one truth a case, and at least one",
            )
        scale = Scale.of(features)
        phi = scale(features, len(panel))
        by_level = self.weights == "level"
        cases = len(y) if weight is None else float(np.sum(weight))
        shrink = self.shrink / cases / (len(panel.levels) if by_level else 1)
        pulls = (self.penalty, shrink)
        course = PinballCourse.of(panel, y, weight, phi, by_level=by_level, pulls=pulls)
        start = np.zeros(course.shape).ravel()
        found = minimize(course, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
        logits = found.x.reshape(course.shape)
        return Aggregated(self, panel.levels, panel.names, logits, scale, bool(found.success))


@dataclass(frozen=True, eq=False)
class Scale:
    """Features brought to mean 0 and standard deviation 1, with a constant in front."""

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def of(cls, features) -> Scale:
        """The scale of the features of a fit."""
        if features is None:
            return cls(np.zeros(0), np.ones(0))
        x = _wide(features)
        sd = x.std(axis=0)
        return cls(x.mean(axis=0), np.where(sd > 0, sd, 1.0))

    def __call__(self, features, n: int) -> np.ndarray:
        """(n, 1 + d) columns; (1, 1) where there are no features."""
        if (features is None) != (len(self.mean) == 0):
            raise FitError(
                "QuantileAggregation",
                "features were given to only one of fit and apply",
                do="Pass features to both, or to neither",
            )
        if features is None:
            return np.ones((1, 1))
        x = _wide(features)
        if x.shape != (n, len(self.mean)):
            raise FitError(
                "QuantileAggregation",
                f"features have shape {x.shape} for {n} cases of {len(self.mean)} features",
                do="Pass one row a case",
            )
        return np.hstack([np.ones((n, 1)), (x - self.mean) / self.sd])


@dataclass(frozen=True, eq=False)
class Aggregated:
    """Learned weights; ``apply`` combines forecasts.

    Attributes
    ----------
    logits
        (m, q or 1, 1 + d) coefficients B of the logits of the weights.
    converged
        Whether L-BFGS found the minimum.
    """

    settings: QuantileAggregation
    levels: np.ndarray
    names: tuple[str, ...]
    logits: np.ndarray
    scale: Scale
    converged: bool

    def weights(self, features=None) -> np.ndarray:
        """Weights (m, q), or (n, m, q) with features, of cases where all models speak."""
        n = 1 if features is None else len(_wide(features))
        shares = shares_of(self.logits, self.scale(features, n), None)
        wide = np.broadcast_to(shares, (*shares.shape[:2], len(self.levels)))
        return wide[0] if features is None else wide

    def apply(self, panel: QuantilePanel, *, features=None) -> Quantiles:
        """Combine the forecasts of new cases.

        Raises
        ------
        FitError
            The panel has other models or other levels than that of the fit.
        """
        if panel.names != self.names or not np.array_equal(panel.levels, self.levels):
            raise FitError(
                "QuantileAggregation.apply",
                f"fitted on models {list(self.names)}, asked to combine {list(panel.names)}",
                do="Pass the models of the fit in their order, at the same levels",
            )
        shares = shares_of(self.logits, self.scale(features, len(panel)), panel.known)
        made = mixed(shares, np.nan_to_num(panel.values))
        return Quantiles(self.levels, rising(made, how=self.settings.monotone))


def _wide(features) -> np.ndarray:
    x = np.asarray(features, dtype=np.float64)
    return finite("QuantileAggregation", x[:, None] if x.ndim == 1 else x, 2)
