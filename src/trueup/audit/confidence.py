"""Findings about confidence and ranking: over, under, biased, bent, blind."""

from __future__ import annotations

import numpy as np

from trueup.audit.finding import Finding, percent, points, severity
from trueup.calibration.measures.slope import fit_logistic
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.jackknife import Replicates, interval, t_p_value
from trueup.core.multiple import benjamini_hochberg
from trueup.core.row_sums import clipped_logit


SURE = 0.01
"""False-alarm rate of a statement about confidence."""

MATTERS = 0.01
"""Errors below one percentage point are noise to a user, however sure they are."""


def confidence_findings(cube: Cube, measures: dict[str, Estimate]) -> list[Finding]:
    """Is the model too sure, too timid, biased, or wrong in a way that bends?"""
    if not measures["calibration_p_value"].value < SURE:
        return []
    found = _event(cube, measures) if cube.event else _classes(measures)
    error = measures["calibration_error_debiased"]
    if not found and error.value >= MATTERS and error.low > 0:
        text = (
            f"Confidence is off by {points(error.value)} on average, too high for some scores and "
            "too low for others."
        )
        level = severity(error.value)
        found.append(Finding("miscalibrated", level, text, error, "reliability", error.value))
    return found


def _event(cube: Cube, measures: dict[str, Estimate]) -> list[Finding]:
    slope, error = measures["calibration_slope"], measures["calibration_error_debiased"]
    found = []
    if slope.excludes(1.0) and error.value >= MATTERS and abs(slope.value - 1) > 0.03:
        over = slope.value < 1
        gap = measures["confidence_gap"]
        text = (
            f"{'Over' if over else 'Under'}-confident: stated odds are too "
            f"{'extreme' if over else 'timid'}, a step of 1 in log-odds is worth "
            f"{slope.value + 0.0:.2f}{_said(gap, over=over)}."
        )
        name = "overconfident" if over else "underconfident"
        grave = severity(error.value)
        found.append(Finding(name, grave, text, slope, "reliability", error.value, "ratio"))
    found += _biased(cube)
    return found


def _said(gap: Estimate, *, over: bool) -> str:
    """The gap in points, where it points the same way as the slope."""
    if (gap.value > 0) != over or not gap.excludes(0.0):
        return ""
    return f"; it is {points(gap.value)} {'more' if over else 'less'} confident than right"


def _biased(cube: Cube) -> list[Finding]:
    w, y, p = cube.table.total("w", "y", "p").T
    made = Replicates.of(
        np.stack([p - y, w], axis=1),
        lambda s: s[:, 0] / s[:, 1],
        sizes=cube.table.total("n")[:, 0],
        in_time=cube.grouping == "block",
    )
    low, high, how = interval(made, level=0.99)
    bias = Estimate(made.value, low, high, 0.99, cube.n, how)
    said, happened = p.sum() / w.sum(), y.sum() / w.sum()
    # A rare event is biased by a third of its rate long before that makes a point.
    matters = abs(bias.value) >= min(MATTERS, 0.25 * min(happened, 1 - happened))
    if not (bias.excludes(0.0) and matters):
        return []
    way = "high" if bias.value > 0 else "low"
    text = (
        f"Biased {way}: it says {percent(said)} on average, and {percent(happened)} happened "
        f"({points(bias.value)} too {way})."
    )
    grave = severity(max(abs(bias.value), 0.1 * abs(bias.value) / max(happened, 1e-9)))
    return [Finding(f"biased_{way}", grave, text, bias, "reliability", abs(bias.value))]


def _classes(measures: dict[str, Estimate]) -> list[Finding]:
    gap, right = measures["confidence_gap"], measures["accuracy"]
    if not gap.excludes(0.0) or abs(gap.value) < MATTERS:
        return []
    over = gap.value > 0
    text = (
        f"{'Over' if over else 'Under'}-confident: it says {percent(right.value + gap.value)} and "
        f"is right {percent(right.value)} of the time, {points(gap.value)} too "
        f"{'sure' if over else 'timid'}."
    )
    name = "overconfident" if over else "underconfident"
    grave = severity(abs(gap.value))
    return [Finding(name, grave, text, gap, "reliability", abs(gap.value))]


def class_findings(cube: Cube, classes: tuple, overall: list[Finding]) -> list[Finding]:
    """Classes that err against the direction of the whole, or that err where the whole does not."""
    if cube.classes is None:
        return []
    rows = [_slope(cube, j) for j in range(cube.classes.shape[1])]
    known = [j for j, row in enumerate(rows) if row is not None and np.isfinite(row[1])]
    if not known:
        return []
    q = benjamini_hochberg([rows[j][1] for j in known])  # type: ignore[index]
    whole = {f.id for f in overall}
    found = []
    for j, q_value in zip(known, q, strict=True):
        slope, _ = rows[j]  # type: ignore[misc]
        way = "overconfident" if slope.value < 1 else "underconfident"
        if q_value < SURE and abs(np.log(max(slope.value, 1e-3))) > 0.25 and way not in whole:
            text = (
                f"Class {classes[j]} is {way.replace('confident', '-confident')}: a step of 1 in "
                f"its stated log-odds is worth {slope.value:.2f}."
            )
            size = min(abs(slope.value - 1), 1.0) / 20
            name = f"{way}:class={classes[j]}"
            picture = f"reliability:class={classes[j]}"
            found.append(Finding(name, "low", text, slope, picture, size, "ratio"))
    return found


def _slope(cube: Cube, j: int) -> tuple[Estimate, float] | None:
    """Calibration slope of class ``j`` against the rest, and its p-value against 1."""
    w, y, p = (cube.classes[name][:, j] for name in ("w", "y", "p"))  # type: ignore[index]
    if min(y.sum(), (w - y).sum()) < 20:
        return None

    def value(sums: np.ndarray) -> np.ndarray:
        x = clipped_logit(sums[:, 2] / np.where(sums[:, 0] > 0, sums[:, 0], 1.0))
        return fit_logistic(np.where(sums[:, 0] > 0, x, 0.0), sums[:, 0], sums[:, 1], slope=True)

    sizes = cube.classes["n"][:, j].sum(axis=1)  # type: ignore[index]
    made = Replicates.of(
        np.stack([w, y, p], axis=1), value, sizes=sizes, in_time=cube.grouping == "block"
    )
    low, high, how = interval(made, level=0.95)
    estimate = Estimate(made.value, low, high, 0.95, int(sizes.sum()), how)
    return estimate, t_p_value(made.value - 1, made.variance, df=made.freedom)


def ranking_findings(measures: dict[str, Estimate]) -> list[Finding]:
    """Do the scores tell the outcomes apart at all?"""
    auc = measures["auc"]
    if not auc.high < 0.65:
        return []
    # Scores that rank no better than chance make every other finding idle: that comes first.
    blind = auc.low <= 0.5
    grave, size = ("high", 1.0) if blind else ("medium", 0.65 - auc.value)
    text = (
        f"{'No' if blind else 'Weak'} discrimination: a case gets a higher score than a non-case "
        f"in {percent(auc.value)} of pairs, and chance would do so in 50%."
    )
    return [Finding("weak_discrimination", grave, text, auc, "reliability", size, "ratio")]
