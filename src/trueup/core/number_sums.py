"""What is summed over rows of forecasts of numbers: errors, scores, coverage, widths, places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.special import ndtr

from trueup.core.central import central_of
from trueup.core.forms import Form
from trueup.core.laws import middles_of, sd_of
from trueup.core.predictions import (
    Ensemble,
    Intervals,
    Normal,
    Points,
    Prediction,
    Quantiles,
)
from trueup.core.row_score import AbstractRowSums


HUB = (0.01, 0.025, *np.round(np.arange(0.05, 0.96, 0.05), 2).tolist(), 0.975, 0.99)
"""Levels between which the place of the truth is told where a whole law is stated."""

SHARES = (0.5, 0.8, 0.9, 0.95, 0.98)
"""Central intervals whose coverage is told where a whole law is stated."""

MOST_SHARES = 12
USUAL = 0.9
"""The central interval that is spoken of, where there is one."""

SPREADS = 512
"""Bins of the stated spread: 8 to a doubling, from 2^-32 to 2^32."""


def place_levels(form: Form) -> tuple[float, ...]:
    """Levels that bound the places of the truth within what a forecast of this form states.

    Examples
    --------
    >>> place_levels(Form("ensemble", 4))
    (0.2, 0.4, 0.6, 0.8)
    """
    if form.kind == "quantiles":
        return form.levels
    if form.kind == "intervals":
        half = (1 - form.levels[0]) / 2
        return (round(half, 12), round(1 - half, 12))
    if form.kind == "ensemble":
        return tuple((_ranks(form.width) / (form.width + 1)).tolist())
    return HUB if form.kind == "normal" else ()


def _ranks(members: int) -> np.ndarray:
    """Ranks that bound places: all of a small ensemble, else those nearest to the hub's levels."""
    if members < len(HUB):
        return np.arange(1, members + 1)
    return np.unique(np.clip(np.round(np.array(HUB) * (members + 1)), 1, members)).astype(int)


def central_shares(form: Form) -> tuple[float, ...]:
    """Shares of the central intervals that a forecast of this form states.

    Examples
    --------
    >>> central_shares(Form("quantiles", 3, (0.05, 0.5, 0.95))), central_shares(Form("points", 1))
    ((0.9,), ())
    """
    if form.kind == "intervals":
        return form.levels
    if form.kind == "quantiles":
        pairs = [share for share, _, _ in central_pairs(form.levels)]
        if len(pairs) <= MOST_SHARES:
            return tuple(pairs)
        return tuple(sorted({min(pairs, key=lambda s: abs(s - usual)) for usual in SHARES}))
    if form.kind == "ensemble":
        widest = (form.width - 1) / (form.width + 1)
        return tuple(share for share in SHARES if share <= widest + 1e-9)
    return SHARES if form.kind == "normal" else ()


def central_pairs(levels: tuple[float, ...]) -> list[tuple[float, int, int]]:
    """(share, place of the lower level, of the upper) of every central interval."""
    found = []
    for i, low in enumerate(levels):
        upper = [j for j, high in enumerate(levels) if abs(low + high - 1) < 1e-9 and high > low]
        found += [(round(levels[j] - low, 9), i, j) for j in upper]
    return sorted(found)


def usual_share(form: Form) -> float | None:
    """The share of the central interval to speak of: .9, else the next; None without any."""
    shares = central_shares(form)
    return min(shares, key=lambda s: (abs(s - USUAL), s)) if shares else None


def share_name(head: str, share: float) -> str:
    """``coverage_90``."""
    return f"{head}_{100 * share:g}"


def number_columns(
    prediction: Prediction,
    truth: np.ndarray,
    form: Form,
    scores: Sequence[AbstractRowSums] = (),
) -> dict[str, np.ndarray]:
    """Columns (n,) to sum, by the names under which measures look for them.

    Errors and their squares are of the stated mean, absolute errors of the stated median; coverage
    of every central interval, the width of the usual one, and the columns of ``scores``.
    """
    mean, median = middles_of(prediction)
    error = mean - truth
    size = np.abs(error if median is mean else median - truth)
    columns = {"error": error, "absolute": size, "square": error * error}
    for score in scores:
        columns |= score.columns(prediction, truth)
    if isinstance(prediction, Points):
        return columns
    sd = sd_of(prediction)
    below = (truth < median) + 0.5 * (truth == median)
    # The mean of m members has an error of its own: as the ratio of spread and skill counts it.
    grown = 1 + 1 / form.width if form.kind == "ensemble" else 1.0
    columns |= {"sd": sd, "variance": grown * sd * sd, "below": below}
    for share in central_shares(form):
        low, high = central_of(prediction, share)
        inside = (low <= truth) & (truth <= high)
        columns[share_name("coverage", share)] = inside.astype(np.float64)
        if share == usual_share(form):
            columns[share_name("width", share)] = high - low
    if isinstance(prediction, Quantiles):
        columns["crossing"] = _crossing(prediction.values)
    return columns


def _crossing(values: np.ndarray) -> np.ndarray:
    """1 (n,) where a quantile lies below one of a lower level."""
    crossing = np.zeros(len(values), dtype=bool)
    for low, high in pairwise(values.T):
        crossing |= high < low
    return crossing.astype(np.float64)


def places_of(
    prediction: Prediction, truth: np.ndarray, form: Form, chance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place (n,) of the truth between ``place_levels``, and the level (n,) in its middle.

    Where the truth equals what was stated at several levels, ``chance`` (n,) in [0, 1) decides.
    """
    levels = np.array(place_levels(form))
    if not len(levels):
        none = np.zeros(len(truth), dtype=np.int64)
        return none, none + 0.5
    if isinstance(prediction, Normal):
        u = ndtr((truth - prediction.mean) / prediction.sd)
        return np.searchsorted(levels, u, side="right"), u
    if isinstance(prediction, Ensemble):
        below = (prediction.members < truth[:, None]).sum(axis=1)
        upto = (prediction.members <= truth[:, None]).sum(axis=1)
        rank = below + np.floor(chance * (upto - below + 1)).astype(np.int64)
        place = np.searchsorted(_ranks(form.width), rank, side="right")
        return place, (rank + 0.5) / (form.width + 1)
    if isinstance(prediction, Intervals):
        stated = np.column_stack([prediction.low, prediction.high])
        return _between(stated, levels, truth, chance, inclusive=True)
    assert isinstance(prediction, Quantiles)
    return _between(prediction.values, levels, truth, chance)


def _between(values, levels, truth, chance, *, inclusive: bool = False):
    edges = np.concatenate([[0.0], levels, [1.0]])
    middles = (edges[:-1] + edges[1:]) / 2
    below, upto = np.zeros((2, len(truth)), dtype=np.int64)
    for column in values.T:
        below += column < truth
        upto += column <= truth
    if inclusive:  # an interval holds its ends
        place = np.where(truth < values[:, 0], 0, np.where(truth > values[:, 1], 2, 1))
        return place, middles[place]
    u = middles[below] + chance * (middles[upto] - middles[below])
    return np.searchsorted(levels, u, side="right"), u


def spread_bin(sd: np.ndarray) -> np.ndarray:
    """Bin (n,) of every stated spread (n,) >= 0."""
    with np.errstate(divide="ignore"):
        place = np.floor(np.log2(sd) * 8) + SPREADS // 2
    return np.clip(place, 0, SPREADS - 1).astype(np.int64)
