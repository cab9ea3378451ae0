"""Slices where the same score means something else than elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from scipy.special import expit, stdtr

from trueup.audit.finding import Finding, percent, points, severity
from trueup.calibration.recalibrate.logistic import newton
from trueup.core.cells import Cells
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.jackknife import t_quantile
from trueup.core.multiple import benjamini_hochberg
from trueup.core.row_sums import clipped_logit


FALSE_DISCOVERIES = 0.05
"""At most this share of the values that are named is named by chance."""
FALSE_PAIRS = 0.01
"""The same for pairs of values: there are many, they are small, and nobody asked for them."""

EMPTY = "(empty)"
MATTERS = 0.01
LEAST_ROWS = 30
LEAST_VARIANCE = 5.0
"""Expected events (and non-events) below which Student's law is not trusted."""
LEAST_OVERLAP = 0.5
"""A slice most of whose scores occur nowhere else cannot be compared with elsewhere."""
NEARLY_EMPTY = 1e-9


@dataclass(frozen=True, kw_only=True)
class AbstractSlice(ABC):
    """One slice and how it differs from elsewhere.

    Attributes
    ----------
    by
        Column -> value.
    n
        Rows.
    gap
        What is compared, in the slice minus elsewhere.
    p_value, q_value
        Of no gap; ``q_value`` after Benjamini-Hochberg over all single values, or over all pairs.
    """

    by: dict[str, str]
    n: int
    gap: Estimate
    p_value: float
    q_value: float = 1.0

    @property
    @abstractmethod
    def matters(self) -> bool:
        """Whether the gap is large enough to be named."""

    @property
    def flagged(self) -> bool:
        """Whether the slice is named as bad."""
        rate = FALSE_DISCOVERIES if len(self.by) == 1 else FALSE_PAIRS
        return self.q_value < rate and self.matters

    @property
    def finding_id(self) -> str:
        """``bad_slice:region=N,site=3``."""
        return "bad_slice:" + ",".join(f"{column}={value}" for column, value in self.by.items())

    @property
    def label(self) -> str:
        """``region = N, site = 3``."""
        return ", ".join(f"{column} = {value or EMPTY}" for column, value in self.by.items())

    @property
    def short_label(self) -> str:
        """``region = N`` for one column, ``N x 3`` for two."""
        return self.label if len(self.by) == 1 else " × ".join(self.by.values())

    @abstractmethod
    def to_dict(self) -> dict:
        """A dict for JSON."""


AnySlice = TypeVar("AnySlice", bound=AbstractSlice)


@dataclass(frozen=True, kw_only=True)
class Slice(AbstractSlice):
    """A slice whose outcomes differ from what equal scores meant elsewhere.

    Attributes
    ----------
    observed, predicted, log_loss
        Outcome rate, mean score and log loss in the slice.
    """

    observed: float
    predicted: float
    log_loss: float

    @property
    def matters(self) -> bool:
        return abs(self.gap.value) >= MATTERS

    def to_dict(self) -> dict:
        return {
            "by": self.by,
            "n": self.n,
            "measure": "calibration_gap",
            "difference": self.gap.to_dict(),
            "q_value": self.q_value,
            "flagged": self.flagged,
            "observed": self.observed,
            "predicted": self.predicted,
            "log_loss": self.log_loss,
        }


def find_slices(cube: Cube, *, level: float = 0.95) -> list[Slice]:
    """All slices that are large enough to judge, the worst first.

    A value is compared with the rest of its column, leaving out values that are bad themselves:
    else one bad slice would make all the others look good. A pair of values is compared with the
    rest of each of its two parents, and the weaker of the two comparisons counts: a pair is bad
    only if neither of its values explains it.
    """
    found: list[Slice] = []
    compare = partial(_gaps, curve=_curve(cube))
    for columns, (values, cells) in cube.slices.items():
        found += _judged(columns, values, cells, tests_of(cube, columns, cells, compare), level)
    return ranked(found)


def ranked(found: list[AnySlice]) -> list[AnySlice]:
    """Slices with their q-values among all single values, or all pairs; the worst first."""
    adjusted: list[AnySlice] = []
    for family in ([s for s in found if len(s.by) == columns] for columns in (1, 2)):
        q_values = benjamini_hochberg([s.p_value for s in family])
        adjusted += [replace(s, q_value=float(q)) for s, q in zip(family, q_values, strict=True)]
    return sorted(adjusted, key=lambda s: (not s.flagged, s.q_value, -abs(s.gap.value)))


def tests_of(
    cube: Cube,
    columns: tuple[str, ...],
    cells: Cells,
    compare: Compare,
    *,
    matters: Callable[[Gaps], np.ndarray] | None = None,
) -> list[Gaps]:
    """Every value of a column against elsewhere, or every pair against each of its two parents."""
    if len(columns) == 1:
        parents = [_elsewhere(cells, compare, matters or _material)]
    else:
        parents = _parents(cube, columns, cells)
    wide = [Cells(cells.names, np.broadcast_to(p, cells.sums.shape)) for p in parents]
    return [compare(cells, parent) for parent in wide]


def _material(test: Gaps) -> np.ndarray:
    return np.abs(test.gap) >= MATTERS


def _curve(cube: Cube) -> Callable[[np.ndarray], np.ndarray]:
    """Rate of the outcome at a score, by a line in log-odds through the whole table."""
    w, y, p = (cube.table[name].sum(axis=0) for name in ("w", "y", "p"))
    used = w > 0
    if used.sum() < 2:
        return lambda score: score
    x = clipped_logit(p[used] / w[used])
    line, converged = newton(np.column_stack([np.ones_like(x), x]), y[used] / w[used], w[used])
    if not converged:
        return lambda score: score
    return lambda score: expit(line[0] + line[1] * clipped_logit(score))


def _elsewhere(cells: Cells, compare: Compare, matters: Callable) -> np.ndarray:
    """For every value, the cells that it is compared with, its own among them.

    The value that stands out most is taken out of what the others are compared with, then the next,
    while they are clearly and materially bad and at least half of the rows remain.
    """
    rows = cells["n"].sum(axis=(0, 2))
    bad = np.zeros(len(rows), dtype=bool)
    while True:
        parent = cells.sums[:, :, ~bad].sum(axis=2, keepdims=True) + cells.sums * bad[:, None]
        test = compare(cells, Cells(cells.names, parent))
        clear = test.fair & ~bad & matters(test)
        clear &= test.p_value * len(rows) < FALSE_DISCOVERIES
        # Of two values that differ, the one with fewer rows is the odd one out.
        clear &= 2 * (rows[bad].sum() + rows) <= rows.sum()
        strength = np.where(clear, np.abs(test.gap) / np.where(clear, test.error, 1.0), 0.0)
        worst = int(strength.argmax())
        if not clear[worst]:
            return parent
        bad[worst] = True


def _parents(cube: Cube, columns, cells: Cells) -> list[np.ndarray]:
    """For every pair, the cells of its first and of its second value."""
    a = len(cube.slices[columns[0],][0])
    grid = cells.sums.reshape(*cells.sums.shape[:2], a, -1, cells.sums.shape[-1])
    rows, cols = grid.sum(axis=3, keepdims=True), grid.sum(axis=2, keepdims=True)
    return [np.broadcast_to(part, grid.shape).reshape(cells.sums.shape) for part in (rows, cols)]


def _judged(columns, values, cells: Cells, tests: list[Gaps], level: float) -> list[Slice]:
    found = []
    sums = {name: cells[name].sum(axis=(0, 2)) for name in ("n", "w", "y", "p", "loss")}
    for v, value in enumerate(values):
        if None in value or sums["n"][v] < LEAST_ROWS or any(not t.fair[v] for t in tests):
            continue
        weakest = max(tests, key=lambda t: t.p_value[v])
        estimate = weakest.estimate(v, int(sums["n"][v]), level)
        w = sums["w"][v]
        found.append(
            Slice(
                by=dict(zip(columns, value, strict=True)),
                n=int(sums["n"][v]),
                gap=estimate,
                p_value=float(weakest.p_value[v]),
                observed=float(sums["y"][v] / w),
                predicted=float(sums["p"][v] / w),
                log_loss=float(sums["loss"][v] / w),
            )
        )
    return found


@dataclass(frozen=True, eq=False)
class Gaps:
    """Gap (v,) of every slice, its standard error, degrees of freedom and p-value."""

    gap: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    p_value: np.ndarray
    fair: np.ndarray

    def estimate(self, v: int, n: int, level: float) -> Estimate:
        """The gap of slice ``v`` with its interval."""
        half = t_quantile(level, self.freedom[v]) * self.error[v]
        how = f"delete-a-group jackknife, t({self.freedom[v]:.0f})"
        gap = float(self.gap[v])
        return Estimate(gap, gap - half, gap + half, level, n, how)


Compare = Callable[[Cells, Cells], Gaps]
"""Cells (groups, values, bins) and what each value is compared with -> the gaps."""


def _gaps(cells: Cells, parent: Cells, *, curve: Callable) -> Gaps:
    """Compare every slice with the rest of its parent, bin by bin of the score."""
    w, y = cells["w"], cells["y"]
    rest_w, rest_y = parent["w"] - w, parent["y"] - y
    total = [x.sum(axis=0) for x in (w, y, rest_w, rest_y)]
    rise = _rise(cells, parent, curve=curve)
    gap, expected, overlap = _gap(*total, rise)
    without = _gap(*(t - x for t, x in zip(total, (w, y, rest_w, rest_y), strict=True)), rise)[0]
    groups = (parent["n"].sum(axis=2) > 0).sum(axis=0)
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    used = np.maximum(groups, 2)
    error = np.sqrt((used - 1) / used * spread)
    sizes = cells["n"].sum(axis=2)
    freedom = sizes.sum(axis=0) ** 2 / np.maximum((sizes**2).sum(axis=0), 1) - 1
    fair = (expected >= LEAST_VARIANCE) & (freedom >= 3) & (error > 0) & np.isfinite(gap)
    fair &= overlap >= LEAST_OVERLAP
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = 2 * stdtr(np.maximum(freedom, 1), -np.abs(gap) / error)
    return Gaps(gap, error, np.maximum(freedom, 1), np.where(fair, p_value, 1.0), fair)


def _rise(cells: Cells, parent: Cells, *, curve: Callable) -> np.ndarray:
    """How much higher (v, bins) the rate is at the slice's scores than elsewhere in the same bin.

    A column that goes along with the score takes the upper or the lower part of a bin.
    """
    w, p = (cells[name].sum(axis=0) for name in ("w", "p"))
    rest_w, rest_p = (parent[name].sum(axis=0) - own for name, own in (("w", w), ("p", p)))
    both = (w > 0) & (rest_w > NEARLY_EMPTY)
    inside, outside = (
        np.clip(np.divide(top, mass, out=np.zeros_like(top), where=both), 0, 1)
        for top, mass in ((p, w), (rest_p, rest_w))
    )
    return np.where(both, curve(inside) - curve(outside), 0.0)


def _gap(w, y, rest_w, rest_y, rise):
    """Gap (..., v), the variance of outcomes at the rates of elsewhere, and the share compared.

    Bins are weighed as by Mantel and Haenszel: where one side is nearly empty its rate is noise.
    """
    both = w + rest_w
    weight = np.divide(w * rest_w, both, out=np.zeros_like(both), where=both > NEARLY_EMPTY)
    inside, elsewhere = (
        np.divide(events, mass, out=np.zeros_like(mass), where=mass > NEARLY_EMPTY)
        for events, mass in ((y, w), (rest_y, rest_w))
    )
    elsewhere = np.clip(elsewhere + rise, 0.0, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = (weight * (inside - elsewhere)).sum(axis=-1) / weight.sum(axis=-1)
        overlap = np.where(rest_w > NEARLY_EMPTY, w, 0.0).sum(axis=-1) / w.sum(axis=-1)
    return gap, (weight * elsewhere * (1 - elsewhere)).sum(axis=-1), overlap


def slice_findings(slices: list[Slice], *, event: bool) -> list[Finding]:
    """A finding for every slice that is named."""
    found = []
    for s in filter(lambda s: s.flagged, slices):
        size, n = abs(s.gap.value), f"{s.n:,} rows"
        less = "less often" if s.gap.value < 0 else "more often"
        what = "the event happens" if event else "it is right"
        text = (
            f"Where {s.label} ({n}), {what} {points(size)} {less} than with the same scores "
            f"elsewhere: {percent(s.observed)} against {percent(s.predicted)} stated."
        )
        found.append(Finding(s.finding_id, severity(size), text, s.gap, "slices", size))
    return found
