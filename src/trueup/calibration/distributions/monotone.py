"""Monotone: quantiles that cross, put in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.errors import FitError
from trueup.core.expressions import Expr
from trueup.core.fitted import AbstractMap
from trueup.core.monotone import HOWS, ordered


CARD = Card(
    name="Monotone",
    question="calibration",
    family="distributions",
    summary="put crossing quantiles in order, by sorting or by the nearest rising values",
    axes={"map": "a rearrangement of each row", "loss": "none"},
    paper="Chernozhukov, Fernandez-Val & Galichon 2010, Econometrica 78(3), arXiv:0704.3649 "
    "(sorting); Barlow et al. 1972 (isotonic projection)",
    claims=("never raises the WIS", "does no harm"),
    cost="O(w log w) a row sorted, O(w^3) a row projected, holding w^2 / 2 numbers of it",
    not_for="quantiles that are off in level: see ConformalShift",
)


@dataclass(frozen=True)
class InOrder(AbstractMap):
    """The columns of a row in rising order; ``project`` takes the nearest rising values."""

    project: int

    def expression(self, logs: Expr) -> Expr:
        return ordered(logs, how=HOWS[self.project])

    @property
    def parameters(self) -> dict[str, float]:
        return {}


@dataclass(frozen=True)
class Monotone(AbstractCorrection):
    r"""Put the quantiles of every row in order.

    Use it before anything that reads intervals. It learns nothing, and cannot raise the mean
    pinball loss (half the WIS): for levels :math:`\tau_1 < \tau_2` and values
    :math:`q_1 > q_2` the sum of both losses does not rise when the values are exchanged, nor, the
    losses being convex, when both become their mean. Sorting is made of such exchanges, the
    projection of such means.

    The projection takes the rising values of least squared distance,
    :math:`\max_{a \le j} \min_{b \ge j} \overline{q_{a..b}}`.

    Parameters
    ----------
    how
        ``"sort"``, or ``"isotonic"`` for the isotonic projection, which keeps the mean of the row.

    Examples
    --------
    >>> from trueup.core import Evidence, Quantiles
    >>> crossed = Quantiles([0.1, 0.5, 0.9], [[1.0, 4.0, 2.0]])
    >>> evidence = Evidence(crossed, [2.0])
    >>> Monotone().fit(evidence).apply(crossed).values
    array([[1., 2., 4.]])
    >>> Monotone(how="isotonic").fit(evidence).apply(crossed).values
    array([[1., 3., 3.]])
    """

    how: str = "sort"
    kinds: ClassVar[tuple[str, ...]] = ("quantiles",)

    def __post_init__(self) -> None:
        if self.how not in HOWS:
            raise FitError("Monotone", f"how is '{self.how}'", do=f"Use one of {', '.join(HOWS)}")

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        return InOrder(HOWS.index(self.how)), True
