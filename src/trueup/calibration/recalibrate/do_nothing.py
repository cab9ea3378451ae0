"""Do nothing: the candidate that every correction has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.expressions import Expr
from trueup.core.fitted import AbstractMap
from trueup.core.laws import NUMBERS


CARD = Card(
    name="DoNothing",
    question="calibration",
    family="recalibrate",
    summary="leave the predictions as they are: the candidate to beat",
    axes={"map": "identity", "loss": "none", "grouping": "none"},
    paper="the null hypothesis",
    claims=("keeps the ranking of classes", "does not raise the loss it is fitted on"),
    cost="nothing",
    not_for="models that are wrong",
)


@dataclass(frozen=True)
class DoNothing(AbstractCorrection):
    """Return every prediction unchanged.

    Examples
    --------
    >>> from trueup.worlds import calibrated
    >>> evidence = calibrated(100).evidence
    >>> after = DoNothing().fit(evidence).apply(evidence.prediction)
    >>> bool(np.allclose(after.probs, evidence.prediction.probs))
    True
    """

    kinds: ClassVar[tuple[str, ...]] = (*NUMBERS, "probabilities", "sets")

    def learn(self, logs: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        return Identity(), True


@dataclass(frozen=True)
class Identity(AbstractMap):
    """The map that changes nothing."""

    def expression(self, logs: Expr) -> Expr:
        return logs

    @property
    def parameters(self) -> dict[str, float]:
        return {}
