"""Proof of a simulator: two steps set out from the same observed states, window by window."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from trueup.core.black_box import BlackBox
from trueup.core.errors import LeakageError
from trueup.core.evidence import Evidence
from trueup.core.predictions import Points
from trueup.core.proof import Proof
from trueup.core.proof import prove as prove_rows
from trueup.core.windows import Windows
from trueup.error.points.mae import mae


LOST = 10.0
FEW = 20
"""Numbers of a state up to which each may have a unit of its own; more are a field."""


def forecast_error(step: Any, windows: Windows, inputs: tuple[int, ...] = ()) -> np.ndarray:
    """Errors (n, m) of forecasts from the first state of every window, a lead a column.

    Root mean squares over a state, in standard deviations of the observations; 10 where a forecast
    is off by more or blew up: it is lost, however far. Components ``inputs`` are taken as observed,
    and are not part of the error.
    """
    states = np.asarray(windows.states, dtype=np.float64)
    judged = [c for c in range(states.shape[2]) if c not in inputs] if inputs else slice(None)
    box = BlackBox(
        step, trial=states[:2, 0].astype(windows.states.dtype), dt=windows.dt, finite=False
    )
    # Numbers of a state beside each other share their unit unless the state is a few plain numbers.
    size = states.std(axis=(0, 1) if states.ndim == 3 and states.shape[2] <= FEW else None)
    now, found = states[:, 0], []
    for lead in range(1, windows.length + 1):
        now = box(now, windows.dt)
        off = (now - states[:, lead]) / np.where(size > 0, size, 1.0)
        off = off[:, judged].reshape(len(now), -1)
        if inputs:
            now[:, list(inputs)] = states[:, lead, list(inputs)]
        with np.errstate(over="ignore", invalid="ignore"):
            found.append(np.sqrt((off**2).mean(axis=1)))
    return np.fmin(np.nan_to_num(np.stack(found, axis=1), nan=LOST), LOST)


def prove_simulator(after: Any, *, against: Any, on: Windows, level: float = 0.95) -> Proof:
    """Compare forecasts of ``after`` with those of ``against`` over the windows ``on``.

    The score of a window is the error at its last lead, in standard deviations of the observations;
    windows of one run are taken as a series.

    Raises
    ------
    LeakageError
        A simulator was corrected by states of ``on``.
    """
    for side in (after, against):
        seen = on.rows.shared_with(side.rows) if hasattr(side, "rows") else 0
        if seen:
            raise LeakageError(
                "prove",
                f"the correction was found on {seen} of the {len(on.rows)} states of 'on'",
                why="a correction always looks good on what it has seen",
                do="Pass windows that were held out of discover",
            )
    library = getattr(after, "library", None)
    inputs = library.places(library.inputs) if library is not None else ()
    before, found = (forecast_error(side, on, inputs)[:, -1] for side in (against, after))
    rows = Evidence(Points(before), np.zeros(len(on)), time=on.starts)
    proof = prove_rows(None, Points(found), on=rows, score=mae, level=level)
    lead = on.length * on.dt
    learned = len(after.rows) if hasattr(after, "rows") else 0
    return replace(
        proof,
        score=f"forecast error at lead {lead:.4g}",
        method=type(after).__name__ if learned else "",
        learned_on=learned,
    )
