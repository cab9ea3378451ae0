"""Series that are too short for the PIT test: what may still be said, and how seldom it is wrong.

Counts are compared with the 99.9 % point of the binomial law at the stated rate; seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

import trueup as tu
from audit.tables import scanned
from trueup.audit.numbers.honesty import honesty_findings, short_series
from trueup.audit.numbers.measures import measures_of
from trueup.core.forms import Form
from trueup.core.jackknife import binomial_p_value


def panel(seed: int, *, times: int, rho: float, places: int, spread: float = 1.0) -> dict:
    """Forecasts of many places in time whose errors share seven tenths of their variance."""
    rng = np.random.default_rng([seed, 7])

    def waves(count: int) -> np.ndarray:
        noise = rng.normal(size=(times, count))
        noise[1:] *= np.sqrt(1 - rho**2)
        return lfilter([1.0], [1.0, -rho], noise, axis=0)

    z = np.sqrt(0.3) * waves(places) + np.sqrt(0.7) * waves(1) if places > 1 else waves(1)
    mean = rng.normal(size=z.shape)
    sd, day = np.full(z.size, spread), np.repeat(np.arange(times), places)
    return {"y": (mean + z).ravel(), "mean": mean.ravel(), "sd": sd, "day": day}


def named(table: dict) -> tuple[list[str], list[str]]:
    """Ids of what is said of honesty, and the words of the warnings."""
    form = Form("normal", 2)
    said = {"probs": (), "event": False, "values": ("mean", "sd"), "form": form, "time": "day"}
    cube = scanned(table, **said).cube
    measures = measures_of(cube, form, level=0.95)
    honesty = honesty_findings(cube, form, measures)
    return [f.id for f in honesty], [c.sentence for c in short_series(measures, honesty)]


@pytest.mark.parametrize(("times", "rho", "places"), [(30, 0.9, 50), (100, 0.9, 1), (100, 0.95, 1)])
def test_honest_forecasts_are_left_in_peace(times, rho, places):
    tables = 200
    found = [named(panel(s, times=times, rho=rho, places=places)) for s in range(tables)]
    short = [ids for ids, warned in found if warned]
    assert len(short) > 0.9 * tables
    assert sum(bool(ids) for ids in short) <= binom.ppf(0.999, tables, 0.01)


@pytest.mark.parametrize(("times", "places", "least"), [(30, 50, 0.9), (100, 1, 0.75)])
def test_intervals_that_are_far_too_narrow_are_named(times, places, least):
    """Of 90 % intervals that hold a half; missed-alarm rate 1e-4 at one less ``least``."""
    tables = 60
    found = [
        named(panel(s, times=times, rho=0.9, places=places, spread=0.4)) for s in range(tables)
    ]
    seen = [ids for ids, warned in found]
    assert sum("too_narrow" in ids for ids in seen) >= binom.ppf(1e-4, tables, least)
    assert all("too_wide" not in ids for ids in seen)


def test_the_warning_says_what_is_still_unknown():
    table = panel(1, times=100, rho=0.9, places=1)
    ids, (text,) = named(table)
    assert ids == [] and text.startswith("Whether it is honest cannot be judged: a series of 100")
    ids, (text,) = named(table | {"sd": table["sd"] / 5})
    assert ids == ["too_narrow"] and text.startswith("Whether it is biased cannot be judged: ")


def test_the_audit_names_it_first_with_its_interval():
    found = tu.audit(panel(0, times=100, rho=0.9, places=1, spread=0.3), truth="y", mean="mean",
                     sd="sd", time="day", history=False)  # fmt: skip
    first = found.findings[0]
    assert first.id == "too_narrow" and first.estimate.how.startswith("Wilson, ")
    assert (
        first.estimate.high < 0 and "independent rows that this series is worth" in first.sentence
    )
    assert found.measures["pit_p_value"].value != found.measures["pit_p_value"].value


@pytest.mark.parametrize(("held", "rows", "stated"), [(10, 20, 0.9), (20, 20, 0.9), (0, 7, 0.5)])
def test_its_law_is_the_binomial_one(held, rows, stated):
    tails = binom.cdf(held, rows, stated), binom.sf(held - 1, rows, stated)
    want = min(1.0, 2 * min(tails))
    assert binomial_p_value(held / rows, rows, stated) == pytest.approx(want, rel=1e-9)
