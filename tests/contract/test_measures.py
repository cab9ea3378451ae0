"""The contract of every measure, generated from the cards."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from contract.excuses import excused
from trueup.core import Evidence, Intervals, Probabilities, Sets
from trueup.core.cards import Card, read_cards
from trueup.core.central import central_of
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.measure import AbstractMeasure, AbstractStatistic
from trueup.worlds import confident_by_factor, forecasts


FAMILIES = ("measures", "points", "scores", "dispersion")


def statistics(card: Card) -> list[AbstractStatistic]:
    """The public measures of a card."""
    module = importlib.import_module(card.module)
    found = [getattr(module, name) for name in card.public]
    return [each for each in found if isinstance(each, AbstractStatistic)]


def kinds(statistic: AbstractStatistic) -> list[str]:
    """What a measure is tried on: every kind it judges, intervals at the level that it asks for."""
    made = [kind for kind in statistic.kinds if kind != "probabilities"]
    if len(made) < len(statistic.kinds):
        made += ["event", "three"]
    level = getattr(statistic, "nominal", None) or 0.9
    return [f"{kind} {level:g}" if kind in ("intervals", "sets") else kind for kind in made]


CASES = [
    (card, statistic, kind)
    for card in read_cards()
    if card.family in FAMILIES
    for statistic in statistics(card)
    for kind in kinds(statistic)
]
cases = pytest.mark.parametrize(
    ("card", "measure", "kind"), CASES, ids=lambda x: getattr(x, "name", x)
)
pytestmark = cases


def evidence(kind: str, *, rows: int = 600, seed: int = 0, dtype=np.float64, **roles) -> Evidence:
    """Too narrow forecasts, or over-confident probabilities of an event or of three classes."""
    kind, _, level = kind.partition(" ")
    if kind in ("event", "three", "sets"):
        made = confident_by_factor(2.0, rows=rows, classes=2 if kind == "event" else 3, seed=seed)
        said = made.evidence.prediction.probs.astype(dtype)
        said = said[:, 1] if kind == "event" else said
        made_of = Sets(said > 0.25, float(level)) if kind == "sets" else Probabilities(said)
        return Evidence(made_of, made.evidence.truth, **roles)
    law = "normal" if kind == "intervals" else kind
    world = forecasts(law, spread=0.7, bias=0.2, rows=rows, members=50, seed=seed).evidence
    said = world.prediction
    if kind == "intervals":
        said = Intervals(*central_of(said, float(level)), float(level))
    return Evidence(with_arrays(said, lambda a: a.astype(dtype)), world.truth, **roles)


def with_arrays(prediction, change):
    """The prediction with its arrays of rows changed."""
    held = {
        name: change(value.copy()) if isinstance(value, np.ndarray) and name != "levels" else value
        for name, value in vars(prediction).items()
    }
    return type(prediction)(**held)


def with_nan(array: np.ndarray) -> np.ndarray:
    """The array with row 1 spoilt."""
    array[1] = np.nan
    return array


def estimate(measure: AbstractStatistic, made: Evidence, **options):
    """The estimate on ``made``."""
    return measure.estimate(measure.cube(made), **options)


def test_inputs_are_untouched(card, measure, kind):
    made = evidence(kind, weight=np.linspace(0.5, 2, 600))
    values = [v for v in vars(made.prediction).values() if isinstance(v, np.ndarray)]
    arrays = [*values, made.truth, made.weight]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    estimate(measure, made)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_row_order_does_not_matter_with_keys(card, measure, kind):
    made = evidence(kind, cluster=np.arange(600) // 2, weight=np.linspace(0.5, 2, 600))
    a = estimate(measure, made)
    b = estimate(measure, made.take(np.random.default_rng(1).permutation(600)))
    got, want = ([x.value, x.low, x.high] for x in (a, b))
    assert got == pytest.approx(want, rel=1e-8, abs=1e-12, nan_ok=True)
    assert (a.n, a.how) == (b.n, b.how)


def test_row_order_does_not_matter_to_the_value(card, measure, kind):
    excused(card, "row order without keys")
    made = evidence(kind)
    shuffled = made.take(np.random.default_rng(1).permutation(600))
    want = estimate(measure, made).value
    assert estimate(measure, shuffled).value == pytest.approx(want, rel=1e-9)


def test_float32_equals_float64(card, measure, kind):
    want = estimate(measure, evidence(kind)).value
    assert estimate(measure, evidence(kind, dtype=np.float32)).value == pytest.approx(
        want, rel=1e-4
    )


def test_integer_weights_equal_repeated_rows(card, measure, kind):
    excused(card, "weights equal repeats")
    counts = np.random.default_rng(2).integers(0, 4, 600)
    made = evidence(kind, weight=counts, cluster=np.arange(600))
    again = np.repeat(np.arange(600), counts)
    repeated = evidence(kind, cluster=np.arange(600)).take(again)
    want = estimate(measure, repeated).value
    assert estimate(measure, made).value == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("unit", [1e-9, 1e6])
def test_the_unit_of_weights_does_not_matter(card, measure, kind, unit):
    weight = np.linspace(0.5, 2, 600)
    want = estimate(measure, evidence(kind, weight=weight))
    got = estimate(measure, evidence(kind, weight=weight * unit))
    numbers = [[e.value, e.low, e.high] for e in (got, want)]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-6, nan_ok=True)


def test_no_rows_is_not_a_number(card, measure, kind):
    nothing = evidence(kind).take(slice(0, 0))
    found = estimate(measure, nothing)
    assert math.isnan(found.value) and math.isnan(found.low) and found.n == 0
    if isinstance(measure, AbstractMeasure):
        cube = measure.cube(nothing)
        assert math.isnan(measure.difference(cube, cube).value)


def test_one_row_is_quiet(card, measure, kind):
    found = estimate(measure, evidence(kind, rows=1))
    assert found.n == 1
    assert math.isnan(found.low) or found.low <= found.value <= found.high


def test_one_cluster_gives_no_jackknife(card, measure, kind):
    found = estimate(measure, evidence(kind, cluster=np.zeros(600, int)))
    assert math.isnan(found.low) or "Wilson" in found.how


def test_nan_is_refused(card, measure, kind):
    made = evidence(kind, rows=3)
    with pytest.raises(EvidenceError, match=r"(?i)nan"):
        measure(np.array([0.0, np.nan, 1.0]), made.prediction)
    with pytest.raises(EvidenceError, match="weights must be finite"):
        measure(made.truth, made.prediction, weight=[1.0, np.nan, 1.0])
    if kind.startswith("sets"):  # their members are True or False
        return
    with pytest.raises(EvidenceError, match="NaN or infinite: 1 of 3 rows, the first at \\[1\\]"):
        if isinstance(made.prediction, Probabilities):
            measure(made.truth, with_nan(made.prediction.probs.copy()))
        else:
            measure(made.truth, with_arrays(made.prediction, with_nan))


def test_other_kinds_are_refused(card, measure, kind):
    for other in (
        "event",
        "normal",
        "quantiles",
        "ensemble",
        "points",
        "intervals 0.9",
        "sets 0.9",
    ):
        made = evidence(other, rows=5)
        if made.prediction.kind not in measure.kinds:
            with pytest.raises(EvidenceError, match=f"is of kind '{made.prediction.kind}'"):
                measure.cube(made)


@pytest.mark.parametrize("seed", range(5))
def test_interval_contains_the_value(card, measure, kind, seed):
    excused(card, "interval")
    found = estimate(measure, evidence(kind, seed=seed), level=0.8)
    assert measure.reach[0] <= found.low <= found.value <= found.high <= measure.reach[1]
    assert found.low < found.high and found.level == 0.8 and found.how
    wider = estimate(measure, evidence(kind, seed=seed), level=0.99)
    assert wider.low <= found.low and found.high <= wider.high


def test_a_level_that_is_no_share_is_refused(card, measure, kind):
    excused(card, "interval")
    with pytest.raises(UsageError, match=rf"{measure.name}: level is 95"):
        estimate(measure, evidence(kind, rows=40), level=95)


def test_arrays_and_evidence_give_the_same(card, measure, kind):
    made = evidence(kind)
    direct = measure(made.truth, made.prediction)
    assert direct == estimate(measure, made)
    assert measure.name and measure.label and measure.better in ("lower", "higher", "neither")


def test_difference_with_itself_is_nothing(card, measure, kind):
    if not isinstance(measure, AbstractMeasure):
        assert not hasattr(measure, "difference")
        return
    cube = measure.cube(evidence(kind))
    found = measure.difference(cube, cube)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0) and "paired" in found.how
