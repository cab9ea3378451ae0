"""The contract of ensemble filters: rows over axes whose values come from the cards.

A value of an axis that has a card of its own is taken from there, so that a new one is tested
without a line here; updates are those of ``UPDATES``.
"""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pytest

from lorenz import step
from trueup.core import EvidenceError
from trueup.core.cards import read_cards
from trueup.error import EnsembleFilter, Observations
from trueup.error.assimilation.updates import UPDATES


ARGUMENTS = {"DistanceTaper": {"radius": 4.0, "period": 40.0}, "LaggedSmoother": {"lag": 3}}
"""Name of a card -> what it has no default for."""


def values(axis: str) -> list:
    """Settings of every card that is a value of an axis."""
    cards = [c for c in read_cards() if c.family == "assimilation" and set(c.axes) == {axis}]
    assert cards
    return [
        getattr(importlib.import_module(c.module), c.name)(**ARGUMENTS.get(c.name, {}))
        for c in cards
    ]


def rows() -> list:
    """Every update with every localisation, inflation and smoother that goes with it."""
    made = []
    for update in UPDATES:
        for localisation in (None, *values("localisation")):
            made.append({"update": update, "localisation": localisation})
            for smoother in values("smoother"):
                row = {"update": update, "localisation": localisation, "smoother": smoother}
                if hasattr(smoother, "iterations") and (update, localisation) != (
                    "square_root",
                    None,
                ):
                    continue
                made.append(row)
        made += [{"update": update, "inflation": inflation} for inflation in values("inflation")]
    made.append({"inflation": 1.02, "rotate": True, "relaxation": 0.3})
    return made


def name(row: dict) -> str:
    """Words for a row."""
    return "-".join(v if isinstance(v, str) else type(v).__name__ for v in row.values())


def chance(row: dict) -> bool:
    """Whether a row draws numbers."""
    return row.get("update") == "perturbed" or row.get("rotate", False)


each_row = pytest.mark.parametrize("row", rows(), ids=name)
RNG = np.random.default_rng(0)
START = 8 + RNG.normal(size=(9, 40))
SEEN = START.mean(0) + RNG.normal(size=(5, 40))
SEEN[1, 3:9] = np.nan
SEEN[2] = np.nan


def run(
    row: dict, start: np.ndarray = START, seen: np.ndarray = SEEN, model=step, batched=False, **more
):
    """The filter on five times, one of them without observations."""
    return EnsembleFilter(**row).run(
        model, start, observations=Observations(seen, 1.0, batched=batched), dt=0.05, **more
    )


@each_row
def test_inputs_are_untouched(row):
    arrays = [START.copy(), SEEN.copy(), np.full(40, 1.0)]
    for array in arrays:
        array.flags.writeable = False
    made = EnsembleFilter(**row).run(
        step, arrays[0], observations=Observations(arrays[1], arrays[2]), dt=0.05
    )
    assert np.array_equal(arrays[0], START) and np.array_equal(arrays[1], SEEN, equal_nan=True)
    assert np.isfinite(made.analysis).all() and np.isfinite(made.ensemble).all()


@each_row
def test_same_seed_same_result(row):
    one, two = run(row, seed=3), run(row, seed=3)
    assert np.array_equal(one.ensemble, two.ensemble) and one.lost == two.lost
    assert np.array_equal(one.analysis, two.analysis)


@each_row
def test_chance_plays_a_part_only_where_it_is_asked_for(row):
    same = np.array_equal(run(row, seed=1).ensemble, run(row, seed=2).ensemble)
    assert same != chance(row)


@each_row
def test_order_of_members_does_not_matter(row):
    if chance(row):
        return  # members meet noise in their order; test_same_seed_same_result holds there
    order = np.random.default_rng(1).permutation(9)
    one, two = run(row), run(row, START[order])
    assert two.analysis == pytest.approx(one.analysis, abs=1e-7)
    assert np.cov(two.ensemble.T) == pytest.approx(np.cov(one.ensemble.T), abs=1e-7)


@each_row
def test_single_precision_stays(row):
    half = run(row, START.astype(np.float32))
    parts = (half.analysis, half.forecast, half.ensemble, half.spread, half.innovations)
    assert all(part.dtype == np.float32 for part in parts)
    if not chance(row):  # which draws other numbers in single precision
        assert half.analysis == pytest.approx(run(row).analysis, abs=0.01)


@each_row
def test_members_that_are_not_finite_are_left_out(row):
    calls = []

    def fragile(x, dt):
        calls.append(len(x))
        made = step(x, dt)
        if len(calls) == 2:
            made[4] = np.nan
        return made

    made = run(row, model=fragile)
    assert [member for _, member in made.lost] == [4] and made.ensemble.shape == (8, 40)
    assert np.isfinite(made.analysis).all() and np.isfinite(made.spread).all()
    assert made.smoothed is None or np.isfinite(made.smoothed).all()


@each_row
def test_too_few_members_are_refused(row):
    with pytest.raises(EvidenceError, match="at least 3 members"):
        run(row, START[:2])
    assert np.isfinite(run(row, START[:3]).analysis).all()


@each_row
def test_experiments_in_a_batch_are_those_alone(row):
    if chance(row):
        return  # draws are shared out differently
    starts = np.stack([START, START[::-1] + 0.1])
    both = run(row, starts, np.stack([SEEN, SEEN], axis=1), batched=True)
    for e in range(2):
        one = run(row, starts[e])
        assert both.analysis[:, e] == pytest.approx(one.analysis, abs=1e-4)
        assert both.ensemble[e] == pytest.approx(one.ensemble, abs=1e-3)


@each_row
def test_shapes_are_those_promised(row):
    made = run(row, START.reshape(9, 5, 8), SEEN, lambda x, dt: 0.9 * x)
    assert made.analysis.shape == made.forecast.shape == (5, 5, 8)
    assert made.ensemble.shape == (9, 5, 8) and made.innovations.shape == (5, 40)
    assert made.spread.shape == made.forecast_spread.shape == made.inflation.shape == (5,)
    assert (made.smoothed is None) == (row.get("smoother") is None)
    assert made.smoothed is None or made.smoothed.shape == (5, 5, 8)


@each_row
def test_observations_bring_the_ensemble_nearer_to_them(row):
    made = run(row)
    seen = ~np.isnan(SEEN[0])
    before, after = (np.abs(m[0] - SEEN[0])[seen].mean() for m in (made.forecast, made.analysis))
    assert after < before and made.spread[0] < made.forecast_spread[0]


@each_row
def test_settings_are_frozen_and_few(row):
    made = EnsembleFilter(**row)
    names = [f.name for f in dataclasses.fields(made)]
    assert len(names) <= 6 and made == EnsembleFilter(**row)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.update = "serial"
