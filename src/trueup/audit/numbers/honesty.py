"""Findings about a forecast as a whole: biased, too narrow, too wide, bent, crossing."""

from __future__ import annotations

import numpy as np

from trueup import error
from trueup.audit.finding import Finding, percent, points, severity
from trueup.audit.numbers.measures import Share
from trueup.audit.numbers.places import edges_of, masses, shares_below, spread_ratio
from trueup.calibration.dispersion.pit_series import independent_rows
from trueup.core.cube import Cube
from trueup.core.estimate import Estimate
from trueup.core.forms import Form
from trueup.core.jackknife import binomial_p_value, wilson
from trueup.core.number_sums import central_pairs, central_shares, share_name, usual_share
from trueup.core.tables.checks import Check


SURE = 0.01
"""False-alarm rate of a statement about honesty."""

MATTERS = 0.01
"""Coverage that is off by less than a percentage point is noise to a user, however sure it is."""

SHIFT = 0.02
"""A share below the median that is off by less than this is no bias worth naming."""

PART = 0.1
"""A bias below this part of the mean absolute error is lost among the errors."""

MANY = 1.3
"""Truths outside an interval, over what was stated, from which its tails are too thin."""


def honesty_findings(cube: Cube, form: Form, measures: dict[str, Estimate]) -> list[Finding]:
    """What is wrong with a forecast as a whole."""
    if form.kind == "points":
        return _biased_mean(cube, measures)
    found: list[Finding] = []
    test = measures["pit_p_value"]
    if test.value != test.value:
        found += _spread_of_few(cube, form)
    elif test.value < SURE:
        mean = form.kind in ("normal", "ensemble")
        found += _biased_mean(cube, measures) if mean else _biased_median(cube)
        found += _spread(cube, form) or _tails(cube, form)
        found = found or _bent(cube)
    return found + _crossing(measures)


def _biased_mean(cube: Cube, measures: dict[str, Estimate]) -> list[Finding]:
    bias, size = error.bias.estimate(cube, level=1 - SURE), measures["mae"].value
    part = abs(bias.value) / size if size > 0 else 0.0
    if not bias.excludes(0.0) or part < PART:
        return []
    way = "high" if bias.value > 0 else "low"
    text = (
        f"Biased {way}: it says {abs(bias.value):.4g} too {'much' if way == 'high' else 'little'} "
        f"on average, {percent(part, digits=0)} of its mean absolute error of {size:.4g}."
    )
    grave = severity(part, high=0.5, medium=0.2)
    return [Finding(f"biased_{way}", grave, text, bias, "pit", 0.1 * part, "")]


def _biased_median(cube: Cube) -> list[Finding]:
    below = Share("below").estimate(cube, level=1 - SURE)
    gap = below.value - 0.5
    if not below.excludes(0.5) or abs(gap) < SHIFT:
        return []
    way = "high" if gap > 0 else "low"
    text = (
        f"Biased {way}: {percent(below.value)} of truths lie below its median, and half of them "
        f"should."
    )
    shift = Estimate(gap, below.low - 0.5, below.high - 0.5, below.level, below.n, below.how)
    grave = severity(abs(gap), high=0.15, medium=0.05)
    return [Finding(f"biased_{way}", grave, text, shift, "pit", abs(gap) / 3)]


def _spread(cube: Cube, form: Form) -> list[Finding]:
    share = usual_share(form)
    if share is None:
        return []
    ratio, gap = _ratio(cube, share), _gap(cube, share)
    narrow = ratio.value < 1
    same = (gap.value < 0) == narrow
    if not (ratio.excludes(1.0) and same and abs(gap.value) >= MATTERS):
        return []
    text = (
        f"Too {'narrow' if narrow else 'wide'}: its {100 * share:g}% intervals hold "
        f"{percent(share + gap.value)} of truths; its spread is {ratio.value:.2f} times what it "
        f"should be."
    )
    name = "too_narrow" if narrow else "too_wide"
    size = abs(gap.value)
    return [Finding(name, severity(size), text, gap, "pit", size)]


def _spread_of_few(cube: Cube, form: Form) -> list[Finding]:
    """Too narrow or too wide beyond doubt, in a series too short for the PIT test.

    The number of truths held is compared with the binomial law of as many independent rows as the
    series is worth. That is exact only in long series, but of honest panels and single series of
    30 to 100 times with lag correlations of .5 to .95 at most 1.3 in 100 are named; a bias cannot
    be told in this way from a slow wave, which alarmed in up to 28.
    """
    share, worth = usual_share(form), independent_rows(masses(cube))
    if share is None or not worth > 0:
        return []
    held = _gap(cube, share).value + share
    low, high, how = wilson(held, worth, level=1 - SURE)
    gap = Estimate(held - share, low - share, high - share, 1 - SURE, cube.n, how)
    if binomial_p_value(held, worth, share) >= SURE or abs(gap.value) < MATTERS:
        return []
    narrow = gap.value < 0
    text = (
        f"Too {'narrow' if narrow else 'wide'}: its {100 * share:g}% intervals hold "
        f"{percent(held)} of truths, too {'few' if narrow else 'many'} even for the "
        f"{worth:.0f} independent rows that this series is worth."
    )
    size = abs(gap.value)
    name = "too_narrow" if narrow else "too_wide"
    return [Finding(name, severity(size), text, gap, "pit", size)]


def _tails(cube: Cube, form: Form) -> list[Finding]:
    """The widest interval holds too few, though the usual one is right."""
    share, usual = max(central_shares(form), default=0.0), usual_share(form)
    if usual is None or share <= usual:
        return []
    ratio, gap = _ratio(cube, share), _gap(cube, share)
    outside = (1 - share - gap.value) / (1 - share)
    if ratio.value >= 1 or not ratio.excludes(1.0) or not gap.excludes(0.0) or outside < MANY:
        return []
    text = (
        f"Too narrow in the tails: {percent(1 - share - gap.value)} of truths lie outside its "
        f"{100 * share:g}% intervals, {outside:.1f} times as many as stated."
    )
    size = abs(gap.value)
    return [Finding("too_narrow_tails", severity(size), text, gap, "pit", size)]


def _bent(cube: Cube) -> list[Finding]:
    """Off in a way that is neither bias nor spread: where it is worst."""
    below, _ = shares_below(cube)
    levels = edges_of(cube)[1:-1]
    reached = below[:, :-1].sum(axis=0) / below[:, -1].sum()
    worst = int(np.abs(reached - levels).argmax()) if len(levels) else 0
    gap = float(reached[worst] - levels[worst]) if len(levels) else 0.0
    if abs(gap) < SHIFT:
        return []
    text = (
        f"Off in shape: {percent(reached[worst])} of truths lie below what it calls the "
        f"{percent(levels[worst], digits=0)} quantile ({points(gap)} too "
        f"{'many' if gap > 0 else 'few'})."
    )
    estimate = Estimate(gap, n=cube.n, how="largest gap")
    return [Finding("misshapen", severity(abs(gap)), text, estimate, "pit", abs(gap))]


def _crossing(measures: dict[str, Estimate]) -> list[Finding]:
    share = measures.get("crossing")
    if share is None or share.value == 0:
        return []
    rows = round(share.value * share.n)
    text = (
        f"Quantiles cross in {rows:,} rows ({percent(share.value)}): a higher level says less than "
        f"a lower one."
    )
    grave = severity(share.value, high=0.2, medium=0.02)
    return [Finding("crossing", grave, text, share, "", 0.1 * share.value, "percent")]


def _ratio(cube: Cube, share: float) -> Estimate:
    """The stated spread over the right one, from the places nearest to a central interval."""
    pairs = central_pairs(cube.grid.edges)  # type: ignore[attr-defined]
    _, low, high = min(pairs, key=lambda pair: abs(pair[0] - share))
    return spread_ratio(cube, low, high, level=1 - SURE)


def _gap(cube: Cube, share: float) -> Estimate:
    """Coverage minus what was stated."""
    held = Share(share_name("coverage", share)).estimate(cube, level=1 - SURE)
    return Estimate(
        held.value - share, held.low - share, held.high - share, held.level, held.n, held.how
    )


def short_series(measures: dict[str, Estimate], honesty: list[Finding]) -> list[Check]:
    """A warning where rows follow each other for too long to tell whether a forecast is honest."""
    test = measures.get("pit_p_value")
    if test is None or not test.how.startswith("cannot be judged"):
        return []
    told = {"too_narrow", "too_wide"} & {each.id for each in honesty}
    text = f"Whether it is {'biased' if told else 'honest'} {test.how}."
    return [Check("data_short_series", "medium", text, test.n)]
