"""Bias correction: one number, or a line, for a forecast that is off on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.calibration.distributions.maps import Affine, Stretched
from trueup.calibration.distributions.middles import middle_weights
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import FitError
from trueup.core.evidence import Evidence
from trueup.core.fitted import AbstractMap
from trueup.core.forms import columns_of, form_of
from trueup.core.laws import NUMBERS


CARD = Card(
    name="BiasCorrection",
    question="calibration",
    family="distributions",
    summary="shift a forecast by its mean error, or put its middle on the line that fits the truth",
    axes={"map": "a shift, or a line of the middle", "loss": "squared or absolute error"},
    paper="Glahn & Lowry 1972, Journal of Applied Meteorology 11(8): model output statistics",
    claims=("recovers the bias", "does no harm"),
    cost="O(n w)",
    not_for="errors that change with the value or over time; counts of unlike size, where one "
    "shift fits none",
)

CENTRES = ("mean", "median")


@dataclass(frozen=True)
class BiasCorrection(AbstractCorrection):
    r"""Shift every column by the mean error :math:`a = \overline{y - m}`.

    Use it for a forecast that is too high or too low on average. With ``line`` the middle
    :math:`m` becomes :math:`a + b m`, least squares of the truth on the middle, and the columns
    move along with it: their spread stays. The middle is the mean of a normal law or an ensemble,
    the median of quantiles, the middle of an interval, the value of points.

    Parameters
    ----------
    line
        Whether the slope b is learned, too. It stays 1 where all middles are equal.
    centre
        ``"mean"`` for the mean error, ``"median"`` for the median one, which makes the absolute
        error least and withstands outliers; a line is of least squares.

    Examples
    --------
    >>> from trueup.core import Evidence, Points
    >>> evidence = Evidence(Points([1.0, 2.0, 3.0]), [3.0, 4.0, 5.0])
    >>> BiasCorrection().fit(evidence).apply(Points([10.0])).values
    array([12.])
    """

    line: bool = False
    centre: str = "mean"
    kinds: ClassVar[tuple[str, ...]] = NUMBERS

    def __post_init__(self) -> None:
        if self.centre not in CENTRES or (self.line and self.centre == "median"):
            raise FitError(
                "BiasCorrection",
                f"centre is '{self.centre}', line is {self.line}",
                do="Use mean or median; a line goes with mean",
            )

    def learn_from(self, evidence: Evidence, weight: np.ndarray) -> tuple[AbstractMap, bool]:
        form, columns = form_of(evidence.prediction), columns_of(evidence.prediction)
        weights = middle_weights(form, who="BiasCorrection")
        middle = columns @ weights
        slope, converged = _slope(middle, evidence.truth, weight) if self.line else (1.0, True)
        error = evidence.truth - slope * middle
        shift = weighted_median(error, weight) if self.centre == "median" else (
            float(weight @ error / weight.sum()))  # fmt: skip
        named = (("slope", "shift"), (slope, shift)) if self.line else (("shift",), (shift,))
        if form.kind == "normal":
            return Affine(np.diag([slope, 1.0]), np.array([shift, 0.0]), *named), converged
        return Stretched(1.0, (slope - 1.0) * weights, shift, 0.0, *named), converged


def _slope(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, bool]:
    """Slope of least squares; 1 where x does not vary."""
    w = weight / weight.sum()
    off = x - w @ x
    spread = float(w @ off**2)
    if spread <= 1e-20 * max(float(w @ x**2), 1e-280):
        return 1.0, False
    return float((w * off) @ (y - w @ y) / spread), True


def weighted_median(values: np.ndarray, weight: np.ndarray) -> float:
    """The middle of all numbers that share the mass evenly."""
    order = np.argsort(values)
    share = np.cumsum(weight[order]) / weight.sum()
    known = weight[order] > 0
    values, share = values[order][known], share[known]
    low = int(np.searchsorted(share, 0.5 - 1e-12))
    high = int(np.searchsorted(share, 0.5 + 1e-12))
    return float((values[low] + values[min(high, len(values) - 1)]) / 2)
