"""Which measures a forecast of a number gets, read from the sums of its cube."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trueup import calibration, error, forecast
from trueup.audit.numbers.places import masses
from trueup.calibration.dispersion.coverage import Coverage
from trueup.calibration.dispersion.width import Width
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.forms import Form
from trueup.core.measure import AbstractMeasure
from trueup.core.number_sums import central_shares, usual_share
from trueup.core.row_score import AbstractRowSums


REPORTED = (0.5, 0.9, 0.95)
"""Central intervals whose coverage is a measure, where they are stated."""


def score_of(form: Form) -> AbstractMeasure:
    """What forecasts of this form are ranked and corrected by."""
    return {
        "points": error.mae,
        "normal": forecast.crps,
        "ensemble": forecast.crps,
        "quantiles": forecast.wis,
        "intervals": forecast.interval_score,
    }[form.kind]


def fair_score_of(form: Form) -> AbstractMeasure:
    """What corrections are chosen and proven by.

    An ensemble is judged as a sample of its law: as a law of a few steps the best of them would
    lose to any smooth law, and each would seem to need a correction.
    """
    return replace(forecast.crps, fair=True) if form.kind == "ensemble" else score_of(form)


def scores_to_sum(form: Form) -> tuple[AbstractRowSums, ...]:
    """Measures whose columns the pass has to sum beside what it always does."""
    score = score_of(form)
    more = (forecast.log_score, calibration.rms_z) if form.kind == "normal" else ()
    return (score, *more) if isinstance(score, AbstractRowSums) else ()


def measures_of(cube: Cube, form: Form, *, level: float) -> dict[str, Estimate]:
    """Name -> estimate of everything that can be measured of this form."""
    score = score_of(form)
    found = {score.name: score.estimate(cube, level=level)}
    if form.kind == "quantiles":
        found["pinball"] = halved(found["wis"])
    for share in reported(form):
        measure = Coverage(share)
        found[measure.name] = measure.estimate(cube, level=level)
    usual = usual_share(form)
    if usual is not None:
        measure = Width(usual)
        found[measure.name] = measure.estimate(cube, level=level)
    for each in (error.bias, error.mae, error.rmse):
        found[each.name] = each.estimate(cube, level=level)
    if form.kind != "points":
        found["spread_skill"] = calibration.spread_skill.estimate(cube, level=level)
        found["pit_p_value"] = calibration.pit_test.estimate(masses(cube), level=level)
    if form.kind == "normal":
        for each in (forecast.log_score, calibration.rms_z):
            found[each.name] = each.estimate(cube, level=level)
    if form.kind == "quantiles":
        found["crossing"] = Share("crossing").estimate(cube, level=level)
    return found


def reported(form: Form) -> list[float]:
    """Shares whose coverage is reported: the usual ones, else all that are stated."""
    shares = central_shares(form)
    usual = [share for share in shares if share in (*REPORTED, usual_share(form))]
    return usual or list(shares)


def halved(made: Estimate) -> Estimate:
    """The pinball loss, of which the weighted interval score is twice the mean."""
    return Estimate(made.value / 2, made.low / 2, made.high / 2, made.level, made.n, made.how)


@dataclass(frozen=True)
class Share(AbstractMeasure):
    """Share of rows for which a column of the cube holds."""

    column: str
    proportion = True
    reach = (0.0, 1.0)
    better = "neither"
    label = "Share"

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.column

    def parts(self, cube: Cube) -> np.ndarray:
        return cube.table.total(self.column, "w")

    def value(self, sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[:, 0] / sums[:, 1]
