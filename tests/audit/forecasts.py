"""Tables of forecasts with known faults, or with none."""

from __future__ import annotations

from typing import Any

import numpy as np

from trueup.core.forms import columns_of, form_of
from trueup.worlds import forecasts


KINDS = ("normal", "quantiles", "ensemble", "intervals", "points")

SAID: dict[str, dict[str, Any]] = {
    "normal": {"mean": "mean", "sd": "sd"},
    "quantiles": {},
    "ensemble": {"members": "m*"},
    "intervals": {"low": "low", "high": "high", "nominal": 0.9},
    "points": {"point": "value"},
}
"""How ``audit`` is told where the forecast is."""


def forecast_table(kind: str, rows: int, *, moved: Any = 0.0, **world: Any) -> dict:
    """Columns of a forecast and the truth ``y``, which is ``moved`` true spreads away."""
    made = forecasts(kind, rows=rows, **world)
    evidence = made.evidence
    form = form_of(evidence.prediction)
    columns = dict(zip(form.names, columns_of(evidence.prediction).T, strict=True))
    return {"id": np.arange(rows), "y": evidence.truth + moved * made.sd, **columns}
