r"""Histogram of the probability integral transform; of an ensemble the rank histogram.

The height of a bin is the share of truths that fell into it over the share that should have: 1 all
over where forecasts are calibrated, high at both ends where they are too narrow, in the middle
where they are too wide, at one end where they are biased. Bins end where the kind of prediction has
an edge of its own: between ranks of members, at stated levels of quantiles. A row counts for all
bins that its truth may lie in, in proportion, so ties need no drawing of lots.

The band is one of consistency: it lies around 1, and all heights of a calibrated forecast are
within it at once with the stated probability, for rows that depend on each other too.

Examples
--------
>>> from trueup.worlds import forecasts
>>> narrow = forecasts("ensemble", spread=0.5, members=9).evidence
>>> found = pit_histogram(narrow.truth, narrow.prediction)
>>> len(found), found.outside[[0, -1]].tolist(), bool(found.value[0] > 2)
(10, [True, True], True)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trueup.calibration.dispersion.pit import pit_cube, transformed
from trueup.core.cards import Card
from trueup.core.central import LAWS
from trueup.core.cube import Cube
from trueup.core.curve import Curve, sup_quantile
from trueup.core.errors import EvidenceError
from trueup.core.evidence import Evidence
from trueup.core.grid import check_bins
from trueup.core.jackknife import t_quantile
from trueup.core.measure import check_level
from trueup.core.predictions import Prediction
from trueup.core.rows import NOBODY


CARD = Card(
    name="pit_histogram",
    question="calibration",
    family="dispersion",
    summary="where in its law every truth lay; of an ensemble the rank histogram",
    paper=(
        "Hamill 2001, Monthly Weather Review 129(3); "
        "not randomised: Czado, Gneiting, Held 2009, Biometrics 65(4)"
    ),
    exports=("pit_histogram", "pit_values"),
    cost="O(n); of m members O(n m)",
    not_for="one number: use pit_test; choosing between forecasts: use a score",
)


@dataclass(frozen=True, eq=False)
class Histogram(Curve):
    """Heights of bins, and the band around 1 that holds those of a calibrated forecast.

    Attributes
    ----------
    x, value
        (m,) middles and heights of the bins.
    low, high
        (m,) ends of the band, around 1 and not around the heights.
    edges
        (m + 1,) ends of the bins.
    """

    edges: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def outside(self) -> np.ndarray:
        """(m,) whether a height lies outside of the band."""
        return (self.value < self.low) | (self.value > self.high)


def pit_values(y_true, y_pred: Prediction) -> np.ndarray:
    """Low and high (n, 2) of the transform of every truth: where in its law it lay.

    Parameters
    ----------
    y_true
        (n,) numbers that happened.
    y_pred
        Normal laws (both ends are the same), quantiles, an ensemble or intervals.

    Examples
    --------
    >>> from trueup.core import Ensemble
    >>> pit_values([0.5, 1.0], Ensemble([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])).tolist()
    [[0.25, 0.5], [0.25, 0.75]]
    """
    evidence = _evidence("pit_values", y_true, y_pred)
    return np.column_stack(transformed(evidence.prediction, evidence.truth))


def pit_histogram(
    y_true,
    y_pred: Prediction,
    *,
    bins: int = 20,
    weight=None,
    cluster=None,
    time=None,
    level: float = 0.95,
) -> Histogram:
    """Heights of the transform's histogram, with the band of a calibrated forecast.

    Parameters
    ----------
    y_true
        (n,) numbers that happened.
    y_pred
        Normal laws, quantiles, an ensemble or intervals.
    bins
        Most bins; fewer where ranks or levels are fewer.
    weight, cluster, time
        (n,) roles of rows, as in ``Evidence``.
    level
        How often all heights of a calibrated forecast lie in the band at once, in (0, 1).
    """
    check_level("pit_histogram", level)
    check_bins("pit_histogram", bins)
    roles = {"weight": weight, "cluster": cluster, "time": time}
    cube, edges = pit_cube(_evidence("pit_histogram", y_true, y_pred, **roles), bins=bins)
    share = np.diff(edges)
    w, w2 = cube.table.total("w", "w2").sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        height = cube.table["mass"].sum(axis=0) / (w * share)
        half, how = _half(cube, share, w2 / w**2, level=level)
    middle = (edges[1:] + edges[:-1]) / 2
    return Histogram(middle, height, 1 - half, 1 + half, level, cube.n, how, True, edges)


def _evidence(who: str, y_true, y_pred, **roles) -> Evidence:
    if getattr(y_pred, "kind", None) not in LAWS:
        raise EvidenceError(
            who,
            f"got {getattr(y_pred, 'kind', type(y_pred).__name__)}",
            do=f"Pass a prediction of kind {', '.join(LAWS)}",
        )
    return Evidence(y_pred, y_true, rows=NOBODY, **roles)


def _half(cube: Cube, share: np.ndarray, per_row: float, *, level: float):
    """Half-width (m,) of the band, and how it was made."""
    left, freedom = deviations(cube, share)
    if not freedom > 0:
        return np.full(len(share), np.nan), "no band: too few groups of rows"
    known = (1 - share) / share * per_row  # variance of heights were rows independent
    error = np.sqrt(known if cube.grouping == "row" else _dependent(known, (left**2).sum(axis=0)))
    many = sup_quantile(left, error, freedom, level=level)
    many = max(many, t_quantile(level, freedom))
    return many * error, f"consistency band, simultaneous, groups of {cube.grouping}s"


def _dependent(known: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Variance (m,) of heights of dependent rows.

    That of one bin is hardly known from 20 blocks of time, and the bin whose own is too small would
    stand out; so it is at least what the mean design effect of all bins makes of it.
    """
    return np.maximum(known * max((seen / known).mean(), 1.0), seen)


def deviations(cube: Cube, share: np.ndarray) -> tuple[np.ndarray, float]:
    """What every group (g, m) adds to the errors of the heights, and degrees of freedom."""
    used = cube.table["n"].sum(axis=1) > 0
    mass, n = cube.table["mass"][used], cube.table["n"][used].sum(axis=1)
    g, w = len(n), cube.table["w"][used].sum(axis=1)
    if g < 2:
        return np.zeros((0, len(share))), 0.0
    height = mass.sum(axis=0) / w.sum()
    left = (mass - w[:, None] * height) / (w.sum() * share) * np.sqrt(g / (g - 1))
    return left, float(n.sum() ** 2 / (n**2).sum() - 1)
