"""Scores of rows that read the central interval of a prediction, at a level of one's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueup.core.central import LAWS, central_of
from trueup.core.predictions import Prediction
from trueup.core.row_score import AbstractRowScore


@dataclass(frozen=True)
class AbstractCentralScore(AbstractRowScore):
    """A row score of the central interval; a final class gives its names and the score.

    Parameters
    ----------
    nominal
        Level of the central interval, in (0, 1), which must be stated; None means the level of
        intervals, and .9 of every other kind.
    """

    nominal: float | None = None
    kinds = LAWS
    stem: ClassVar[str]
    """Name without the level."""
    words: ClassVar[str]
    """Label without the level."""

    @property
    def name(self) -> str:
        """The level is part of the name."""
        return self.stem if self.nominal is None else f"{self.stem}_{100 * self.nominal:g}"

    @property
    def label(self) -> str:
        """Name in words."""
        at = "" if self.nominal is None else f" of the {100 * self.nominal:g} % interval"
        return f"{self.words}{at}"

    def ends(self, prediction: Prediction) -> tuple[np.ndarray, np.ndarray]:
        """Low and high (n,) of the interval."""
        return central_of(prediction, self.nominal, who=self.name)
