"""The score that a kind of prediction is usually compared by."""

from __future__ import annotations

from trueup.core.errors import EvidenceError
from trueup.core.measure import AbstractMeasure
from trueup.core.predictions import Prediction
from trueup.forecast.scores.crps import crps
from trueup.forecast.scores.interval_score import interval_score


def usual_score(who: str, prediction: Prediction) -> AbstractMeasure:
    """CRPS of laws, interval score of intervals; of other kinds the caller must choose."""
    for score in (crps, interval_score):
        if prediction.kind in score.kinds:
            return score
    raise EvidenceError(
        who,
        f"there is no usual score of kind '{prediction.kind}'",
        do="Pass a measure as score, such as trueup.error.mae",
    )
