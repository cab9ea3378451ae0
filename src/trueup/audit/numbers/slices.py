"""Slices where a forecast is less honest, or further off, than elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr

from trueup.audit.finding import Finding, percent, severity
from trueup.audit.slices import LEAST_ROWS, AbstractSlice, Gaps, ranked, tests_of
from trueup.core.cells import Cells
from trueup.core.cube import Cube
from trueup.core.forms import Form
from trueup.core.number_sums import share_name, usual_share


COVERAGE, MEDIAN = 0.02, 0.03
"""Least differences worth naming: of coverage, of the share of truths below the median."""

PART = 0.1
"""Least difference of a bias or a mean absolute error, as a part of the error elsewhere."""

LEAST_EVENTS = 5.0
"""Rows that an interval holds, and that it misses, below which Student's law is not trusted."""


@dataclass(frozen=True)
class Question:
    """What is asked of every slice.

    Attributes
    ----------
    measure
        Its name in the JSON.
    column
        What is averaged.
    least
        Least difference worth naming; a part of the mean of ``scale`` where that is named.
    share
        Whether the column holds 0 and 1.
    """

    measure: str
    column: str
    least: float
    share: bool = False
    scale: str = ""


@dataclass(frozen=True, kw_only=True)
class NumberSlice(AbstractSlice):
    """A slice of forecasts of numbers.

    Attributes
    ----------
    measure
        What is compared: ``"coverage"``, ``"below_median"``, ``"bias"`` or ``"mae"``.
    observed, elsewhere
        Its value here and elsewhere.
    score, bias
        Mean score and mean error in the slice.
    material
        Whether the gap is large enough to be named.
    stated
        Level of the interval, where coverage is compared.
    """

    measure: str
    observed: float
    elsewhere: float
    score: float
    bias: float
    material: bool
    stated: float | None = None

    @property
    def matters(self) -> bool:
        return self.material

    @property
    def unit(self) -> str:
        """Of the gap."""
        return "points" if self.measure in ("coverage", "below_median") else ""

    def to_dict(self) -> dict:
        return {
            "by": self.by,
            "n": self.n,
            "measure": self.measure,
            "difference": self.gap.to_dict(),
            "q_value": self.q_value,
            "flagged": self.flagged,
            "observed": self.observed,
            "elsewhere": self.elsewhere,
            "score": self.score,
            "bias": self.bias,
        }


def questions(form: Form) -> list[Question]:
    """What is asked of every slice of a forecast of this form.

    Coverage and the side of the median on which the truth falls do not depend on how hard a slice
    is; of points there is only the error, whose size does.
    """
    share = usual_share(form)
    if share is None:
        return [
            Question("bias", "error", PART, scale="absolute"),
            Question("mae", "absolute", PART, scale="absolute"),
        ]
    return [
        Question("coverage", share_name("coverage", share), COVERAGE, True),
        Question("below_median", "below", MEDIAN, True),
    ]


def find_number_slices(
    cube: Cube, form: Form, *, score: str, level: float = 0.95
) -> list[NumberSlice]:
    """All slices that are large enough to judge, the worst first.

    Each slice is named for what stands out most of what is asked, with its p-value times the number
    of questions.
    """
    asked = questions(form)
    found: list[NumberSlice] = []
    for columns, (values, cells) in cube.slices.items():
        tests = [
            tests_of(cube, columns, cells, _compare(q), matters=_material(q, cells)) for q in asked
        ]
        for v, value in enumerate(values):
            if None in value or cells["n"][:, v].sum() < LEAST_ROWS:
                continue
            by = dict(zip(columns, value, strict=True))
            made = [
                _slice(by, cells, v, q, test, score=score, level=level, stated=usual_share(form))
                for q, test in zip(asked, tests, strict=True)
                if all(t.fair[v] for t in test)
            ]
            if made:
                worst = min(made, key=lambda s: (not s.material, s.p_value))
                p_value = min(1.0, worst.p_value * len(made))
                found.append(replace(worst, p_value=p_value))
    return ranked(found)


def _slice(by, cells: Cells, v: int, q: Question, tests: list[Gaps], *, score, level, stated):
    weakest = max(tests, key=lambda t: t.p_value[v])
    n = int(cells["n"][:, v].sum())
    sums = {name: float(cells[name][:, v].sum()) for name in ("w", q.column, "error")}
    gap = weakest.estimate(v, n, level)
    here = sums[q.column] / sums["w"]
    name = score if score in cells.names else "absolute"
    return NumberSlice(
        by=by,
        n=n,
        gap=gap,
        p_value=float(weakest.p_value[v]),
        measure=q.measure,
        observed=here,
        elsewhere=here - gap.value,
        score=float(cells[name][:, v].sum()) / sums["w"],
        bias=sums["error"] / sums["w"],
        material=bool(_material(q, cells)(weakest)[v]),
        stated=stated if q.measure == "coverage" else None,
    )


def _material(q: Question, cells: Cells) -> Callable[[Gaps], np.ndarray]:
    """Whether a gap (values,) is worth naming."""
    scale = float(cells[q.scale].sum() / cells["w"].sum()) if q.scale else 1.0
    return lambda test: np.abs(test.gap) >= q.least * scale


def _compare(q: Question) -> Callable[[Cells, Cells], Gaps]:
    """Means of every slice against those of the rest of its parent, jackknifed over groups."""

    def gaps(cells: Cells, parent: Cells) -> Gaps:
        w, y = cells["w"][..., 0], cells[q.column][..., 0]
        rest_w, rest_y = parent["w"][..., 0] - w, parent[q.column][..., 0] - y
        total = [x.sum(axis=0) for x in (w, y, rest_w, rest_y)]
        gap, rate = _means(*total)
        parts = zip(total, (w, y, rest_w, rest_y), strict=True)
        without = _means(*(t - x for t, x in parts))[0]
        used = np.maximum((parent["n"][..., 0] > 0).sum(axis=0), 2)
        with np.errstate(invalid="ignore"):
            spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
        error = np.sqrt((used - 1) / used * spread)
        sizes = cells["n"][..., 0]
        freedom = sizes.sum(axis=0) ** 2 / np.maximum((sizes**2).sum(axis=0), 1) - 1
        fair = (freedom >= 3) & (error > 0) & np.isfinite(gap) & np.isfinite(error)
        if q.share:
            w2 = cells["w2"][..., 0].sum(axis=0)
            rest = parent["w2"][..., 0].sum(axis=0) - w2
            with np.errstate(invalid="ignore", divide="ignore"):
                one, two = w2 / total[0] ** 2, rest / total[2] ** 2
                fair &= np.minimum(rate, 1 - rate) >= LEAST_EVENTS * one
                # A slice where next to nothing was missed does not know how uncertain that is.
                chance = np.clip(rate * (1 - rate), 0, None) * (one + two)
            error = np.sqrt(np.fmax(error**2, chance))
        with np.errstate(invalid="ignore", divide="ignore"):
            p_value = 2 * stdtr(np.maximum(freedom, 1), -np.abs(gap) / error)
        return Gaps(gap, error, np.maximum(freedom, 1), np.where(fair, p_value, 1.0), fair)

    return gaps


def _means(w, y, rest_w, rest_y):
    """Mean (..., v) here minus elsewhere, and the mean elsewhere."""
    with np.errstate(invalid="ignore", divide="ignore"):
        elsewhere = rest_y / rest_w
        return y / w - elsewhere, elsewhere


def number_slice_findings(slices: list[NumberSlice]) -> list[Finding]:
    """A finding for every slice that is named."""
    found = []
    for s in filter(lambda s: s.flagged, slices):
        size = abs(s.gap.value) if s.unit == "points" else _part(s)
        where = f"Where {s.label} ({s.n:,} rows), "
        grave = severity(size) if s.unit == "points" else severity(size, high=0.5, medium=0.2)
        weight = size if s.unit == "points" else 0.1 * size
        found.append(
            Finding(s.finding_id, grave, where + _words(s), s.gap, "slices", weight, s.unit)
        )
    return found


def _part(s: NumberSlice) -> float:
    return abs(s.gap.value) / max(abs(s.elsewhere), s.score, 1e-300)


def _words(s: NumberSlice) -> str:
    if s.measure == "coverage":
        assert s.stated is not None
        return (
            f"its {100 * s.stated:g}% intervals hold {percent(s.observed)} of truths, against "
            f"{percent(s.elsewhere)} elsewhere."
        )
    if s.measure == "below_median":
        way = "high" if s.gap.value > 0 else "low"
        return (
            f"it is biased {way}: {percent(s.observed)} of truths lie below its median, against "
            f"{percent(s.elsewhere)} elsewhere."
        )
    if s.measure == "bias":
        return f"its mean error is {s.observed:.4g}, against {s.elsewhere:.4g} elsewhere."
    more = s.observed / s.elsewhere if s.elsewhere > 0 else np.inf
    return f"its mean absolute error is {s.observed:.4g}, {more:.2f} times that of elsewhere."
