"""The pass over forecasts of numbers sums what the measures score row by row."""

from __future__ import annotations

import numpy as np
import pytest

from audit.forecasts import KINDS, SAID, forecast_table
from trueup import error, forecast
from trueup.audit.asked import asked_form
from trueup.audit.numbers.measures import score_of, scores_to_sum
from trueup.audit.numbers.places import masses
from trueup.calibration import pit_test, rms_z, spread_skill
from trueup.calibration.dispersion.coverage import Coverage
from trueup.calibration.dispersion.width import Width
from trueup.core.errors import UsageError
from trueup.core.evidence import Evidence
from trueup.core.forms import Form
from trueup.core.number_sums import central_shares, place_levels, places_of, share_name, usual_share
from trueup.core.predictions import (
    Ensemble,
    Intervals,
    Normal,
    Quantiles,
)
from trueup.core.tables.number_kernel import NumberKernel, prediction_of
from trueup.core.tables.opened import opened
from trueup.core.tables.plan import make_plan
from trueup.core.tables.profile import profile
from trueup.core.tables.roles import Roles, assign
from trueup.core.tables.scan import scan


def scanned(table: dict, kind: str, **roles):
    """The pass over a table of forecasts, and the plan."""
    values, form = asked_form(SAID[kind])
    with opened(table) as opened_:
        given = assign(opened_, Roles("y", values=values, form=form, **roles))
        plan = make_plan(opened_, given, profile(opened_, given))
        object.__setattr__(plan, "scores", scores_to_sum(given.form))
        return scan(opened_, plan, threads=2), plan


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_those_of_the_measures(kind):
    table = forecast_table(kind, 3_000, spread=0.7, bias=0.2, seed=3)
    found, plan = scanned(table, kind)
    form = plan.roles.form
    values = np.column_stack([table[name] for name in plan.roles.values])
    evidence = Evidence(prediction_of(form, values), table["y"])
    measures = [score_of(form), error.bias, error.mae, error.rmse]
    measures += [Coverage(share) for share in central_shares(form)]
    measures += [Width(usual_share(form))] if usual_share(form) else []
    measures += [spread_skill] if kind in spread_skill.kinds else []
    measures += [rms_z, forecast.log_score] if kind == "normal" else []
    for measure in measures:
        direct = measure.estimate(measure.cube(evidence))
        passed = measure.estimate(found.cube)
        assert passed.value == pytest.approx(direct.value, rel=1e-12, abs=1e-12), measure.name
        assert passed.low == pytest.approx(direct.low, rel=1e-9, abs=1e-9), measure.name


@pytest.mark.parametrize("kind", ["normal", "quantiles", "intervals"])
def test_the_test_of_places_is_the_one_of_the_catalogue(kind):
    table = forecast_table(kind, 3_000, spread=0.95, seed=3)
    found, plan = scanned(table, kind)
    values = np.column_stack([table[name] for name in plan.roles.values])
    evidence = Evidence(prediction_of(plan.roles.form, values), table["y"])
    direct = pit_test.estimate(pit_test.cube(evidence)).value
    assert pit_test.estimate(masses(found.cube)).value == pytest.approx(direct, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_cubes_of_parts_add_up_to_the_cube_of_all(kind):
    table = forecast_table(kind, 2_000, seed=4)
    half = {name: column[:1_000] for name, column in table.items()}
    rest = {name: column[1_000:] for name, column in table.items()}
    whole, one, two = (scanned(t, kind, key="id")[0].cube for t in (table, half, rest))
    added = one + two
    np.testing.assert_allclose(added.table.total("n", "error"), whole.table.total("n", "error"))
    if whole.spread is not None:
        np.testing.assert_allclose(added.spread.sums, whole.spread.sums)


@pytest.mark.parametrize("kind", KINDS[:4])
def test_places_of_an_honest_forecast_are_as_frequent_as_their_levels_say(kind):
    cube = scanned(forecast_table(kind, 200_000, seed=5), kind)[0].cube
    mass = np.diff([0.0, *cube.grid.edges, 1.0])
    share = cube.table["n"].sum(axis=0) / cube.n
    # 5 standard errors: one place in a million worlds lies farther away.
    assert (np.abs(share - mass) < 5 * np.sqrt(mass / cube.n)).all()


def test_places_by_hand():
    half = np.array([0.5, 0.5, 0.5])
    said = Quantiles([0.1, 0.5, 0.9], [[0.0, 1.0, 2.0]] * 3)
    form = Form("quantiles", 3, (0.1, 0.5, 0.9))
    place, level = places_of(said, np.array([-1.0, 1.5, 3.0]), form, half)
    assert place.tolist() == [0, 2, 3]
    np.testing.assert_allclose(level, [0.05, 0.7, 0.95])
    members = Ensemble([[1.0, 2.0, 3.0]] * 3)
    place, level = places_of(members, np.array([0.0, 2.5, 9.0]), Form("ensemble", 3), half)
    assert (place.tolist(), level.tolist()) == ([0, 2, 3], [0.125, 0.625, 0.875])
    ends = Intervals([0.0] * 3, [1.0] * 3, 0.8)
    place, _ = places_of(ends, np.array([0.0, 1.0, 1.1]), Form("intervals", 2, (0.8,)), half)
    assert place.tolist() == [1, 1, 2]  # an interval holds its ends
    law = Normal([0.0], [1.0])
    assert places_of(law, np.zeros(1), Form("normal", 2), half[:1])[1] == pytest.approx(0.5)


def test_ties_are_shared_by_chance_and_not_put_on_one_side():
    said = Quantiles([0.25, 0.5, 0.75], np.zeros((10_000, 3)))
    chance = (np.arange(10_000) + 0.5) / 10_000
    form = Form("quantiles", 3, (0.25, 0.5, 0.75))
    place, _ = places_of(said, np.zeros(10_000), form, chance)
    assert np.bincount(place, minlength=4).min() > 1_000
    same = Ensemble(np.zeros((10_000, 3)))
    place, _ = places_of(same, np.zeros(10_000), Form("ensemble", 3), chance)
    assert np.bincount(place, minlength=4).tolist() == [2_500] * 4


def test_levels_and_shares_of_each_form():
    assert place_levels(Form("intervals", 2, (0.9,))) == (0.05, 0.95)
    assert len(place_levels(Form("ensemble", 200))) == 23
    assert central_shares(Form("quantiles", 4, (0.05, 0.25, 0.75, 0.95))) == (0.5, 0.9)
    assert central_shares(Form("ensemble", 3)) == (0.5,)
    assert usual_share(Form("quantiles", 2, (0.025, 0.975))) == 0.95
    assert share_name("coverage", 0.95) == "coverage_95"


def test_the_sample_of_a_large_table_is_a_part_of_it():
    table = forecast_table("quantiles", 60_000, seed=6)
    found, plan = scanned(table, "quantiles")
    kernel = NumberKernel(plan, every=3)
    assert found.sample.every == 2
    assert 25_000 < len(found.sample.truth) < 35_000
    assert kernel.form.width == 23


@pytest.mark.parametrize(("said", "words"), [
    ({"mean": "a"}, "sd is not named"),
    ({"low": "a", "high": "b"}, "which share of truths"),
    ({"low": "a", "high": "b", "nominal": 90}, "nominal is 90"),
    ({"point": "a", "mean": "b", "sd": "c"}, "point"),
    ({"quantiles": {10: "q10"}}, "has the level 10"),
    ({"quantiles": ["q10"]}, "quantiles is"),
    ({"point": "a", "nominal": 0.9}, "nominal belongs"),
], ids=str)  # fmt: skip
def test_half_a_forecast_is_refused(said, words):
    with pytest.raises(UsageError, match=words):
        asked_form(said)


def test_the_usual_score_is_that_of_the_verb():
    from trueup.verbs import USUAL_SCORE

    widths = {"normal": 2, "quantiles": 3, "ensemble": 5, "intervals": 2, "points": 1}
    for kind, width in widths.items():
        assert score_of(Form(kind, width, (0.1, 0.5, 0.9))).name == USUAL_SCORE[kind]
    assert forecast.crps.name == "crps"
