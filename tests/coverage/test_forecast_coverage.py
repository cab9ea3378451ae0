"""How often intervals of scores of forecasts hold the true value, which is known in closed form.

``pytest -m slow tests/coverage`` simulates 1,000 tables a world, holds every case to 93-97 % and
writes FORECASTS.md; the run without a mark simulates few and allows for their chance.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from forecast_worlds import WORLDS
from repeats import hits, in_words
from trueup.calibration import coverage_90, spread_skill
from trueup.core import Evidence
from trueup.error import bias
from trueup.forecast import crps, interval_score, wis
from truths import truth_of_forecasts


ROWS, TABLES, MEMBERS = 2_000, 1_000, 39
LEAST, MOST = 0.93, 0.97
RESULTS = Path(__file__).with_name("FORECASTS.md")
WRONG, RIGHT = {"spread": 0.8, "bias": 0.3}, {"spread": 1.0, "bias": 0.0}

CASES = [
    (crps, "normal"),
    (crps, "ensemble"),
    (wis, "quantiles"),
    (interval_score, "intervals"),
    (coverage_90, "normal"),
    (coverage_90, "quantiles"),
    (spread_skill, "ensemble"),
    (bias, "points"),
]


def case_names() -> list[tuple[str, str, str]]:
    """(measure, kind, what): of a wrong forecast, and of its difference from a right one."""
    return [
        (measure.name, kind, what) for measure, kind in CASES for what in ("wrong", "right - wrong")
    ]


def truths() -> dict[tuple[str, str, str], float]:
    """True value of every case."""
    found = {}
    for measure, kind in CASES:
        one, two = (
            truth_of_forecasts(measure.name, kind, *of.values(), MEMBERS) for of in (WRONG, RIGHT)
        )
        found[measure.name, kind, "wrong"] = one
        found[measure.name, kind, "right - wrong"] = two - one
    return found


def simulate(world: str, *, tables: int) -> dict[tuple[str, str, str], np.ndarray]:
    """Case -> (tables, 3) value, low, high."""
    found: dict[tuple[str, str, str], list] = {case: [] for case in case_names()}
    for seed in range(tables):
        for kind in dict.fromkeys(kind for _, kind in CASES):
            both = forecasts_of(world, kind, seed=seed)
            for measure in (measure for measure, of in CASES if of == kind):
                cubes = [measure.cube(evidence) for evidence in both]
                made = measure.estimate(cubes[0]), measure.difference(*cubes)
                for what, e in zip(("wrong", "right - wrong"), made, strict=True):
                    found[measure.name, kind, what].append((e.value, e.low, e.high))
    return {case: np.array(rows) for case, rows in found.items()}


def forecasts_of(world: str, kind: str, *, seed: int) -> tuple[Evidence, Evidence]:
    """Of the same truths: a forecast that is too narrow and too high, and one that is right."""
    made = [
        WORLDS[world](kind, rows=ROWS, seed=seed, members=MEMBERS, **of) for of in (WRONG, RIGHT)
    ]
    assert np.array_equal(made[0].truth, made[1].truth)
    return made[0], made[1]


@pytest.mark.parametrize("world", WORLDS)
def test_few_tables_cover_as_far_as_chance_allows(world):
    """False-alarm rate 1e-4 a case where the coverage is exactly 93 %."""
    tables, true = 100, truths()
    found = simulate(world, tables=tables)
    floor = binom.ppf(1e-4, tables, LEAST)
    low = {case: n for case in found if (n := hits(found[case], true[case])) < floor}
    assert not low, f"of {tables} intervals"


@pytest.mark.slow
def test_every_case_covers_as_far_as_it_is_held_to():
    true, lines, outside = truths(), [], []
    for world in WORLDS:
        found = simulate(world, tables=TABLES)
        for case, made in found.items():
            share = hits(made, true[case]) / TABLES
            outside += [] if LEAST <= share <= MOST else [(world, *case, share)]
            lines.append(
                f"| {world} | {case[0]} | {case[1]} | {case[2]} | "
                f"{in_words(made, true[case])} | {LEAST:.2f}-{MOST:.2f} |"
            )
    RESULTS.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    assert not outside


HEAD = """# Coverage of 95 % intervals of scores of forecasts

Written by `pytest -m slow tests/coverage`; do not edit. 1,000 simulated tables of 2,000 rows a
world, so the standard error of a coverage is .007. *wrong* states .8 of
the true spread and a mean .3 true standard deviations too high, *right* the true law (an ensemble:
39 members of it); a difference is paired, row by row. *half-width* is the mean one, to be read
beside 1.96 times the spread.

In the series the interval of a mean of rows leans to the side of its long tail: the interval score
is a fine for the few truths outside, and those come in runs.

| world | measure | kind | of | truth | mean | spread | half-width | coverage | held to |
|---|---|---|---|---|---|---|---|---|---|
"""
