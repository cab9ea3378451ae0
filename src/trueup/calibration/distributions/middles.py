"""What a forecast of a number says of its middle and its spread, as weights of its columns."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from trueup.core.errors import FitError
from trueup.core.forms import Form


def middle_weights(form: Form, *, who: str) -> np.ndarray:
    """(w,) weights of the columns whose sum is the middle.

    The mean of a normal law and of an ensemble, the median of quantiles, interpolated in the level,
    the middle of an interval.
    """
    if form.kind == "normal":
        return np.array([1.0, 0.0])
    if form.kind != "quantiles":
        return np.full(form.width, 1.0 / form.width)
    levels = np.array(form.levels)
    if not levels[0] <= 0.5 <= levels[-1]:
        raise FitError(
            f"{who}.fit",
            f"no median: the levels go from {levels[0]:g} to {levels[-1]:g}",
            do="Predict quantiles on both sides of the median",
        )
    return np.array([np.interp(0.5, levels, unit) for unit in np.eye(form.width)])


def spread_weights(form: Form) -> np.ndarray:
    """(w,) weights of the columns whose sum is the stated standard deviation.

    Of quantiles and intervals the width of their outermost levels, as if the law were normal.
    """
    if form.kind == "normal":
        return np.array([0.0, 1.0])
    low, high = outer_levels(form)
    found = np.zeros(form.width)
    found[-1] = 1.0 / (ndtri(high) - ndtri(low)) if high > low else 0.0
    found[0] = -found[-1]
    return found


def outer_levels(form: Form) -> tuple[float, float]:
    """The levels of the first and the last column of quantiles or of an interval."""
    if form.kind == "intervals":
        return (1 - form.levels[0]) / 2, (1 + form.levels[0]) / 2
    return form.levels[0], form.levels[-1]


def column_levels(form: Form) -> np.ndarray:
    """(w,) level that each column stands for; members of an ensemble must be sorted.

    The CRPS of an ensemble of m members is twice their mean pinball loss at (j - 1/2) / m.
    """
    if form.kind == "ensemble":
        return (np.arange(form.width) + 0.5) / form.width
    return np.array(outer_levels(form) if form.kind == "intervals" else form.levels)
