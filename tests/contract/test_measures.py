"""The contract of every measure, generated from the cards."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from trueup.core import Evidence, Points, Probabilities
from trueup.core.cards import Card, read_cards
from trueup.core.errors import EvidenceError, UsageError
from trueup.core.measure import AbstractMeasure, AbstractStatistic
from trueup.worlds import confident_by_factor


def statistics(card: Card) -> list[AbstractStatistic]:
    """The public measures of a card."""
    module = importlib.import_module(card.module)
    found = [getattr(module, name) for name in card.public]
    return [each for each in found if isinstance(each, AbstractStatistic)]


CASES = [
    (card, statistic, kind)
    for card in read_cards()
    if card.family in ("measures", "points")
    for statistic in statistics(card)
    for kind in (("points",) if card.family == "points" else ("event", "three"))
]
cases = pytest.mark.parametrize(
    ("card", "measure", "kind"), CASES, ids=lambda x: getattr(x, "name", x)
)
pytestmark = cases


def excused(card: Card, check: str) -> None:
    """Skip a check that the card says does not apply."""
    if check in card.excused:
        pytest.skip(f"excused: {card.excused[check]}")


def evidence(kind: str, *, rows: int = 600, seed: int = 0, dtype=np.float64, **roles) -> Evidence:
    """Points, or over-confident probabilities of an event or of three classes."""
    if kind == "points":
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=rows)
        return Evidence(Points((truth + rng.normal(size=rows)).astype(dtype)), truth, **roles)
    made = confident_by_factor(2.0, rows=rows, classes=3 if kind == "three" else 2, seed=seed)
    said = made.evidence.prediction.probs.astype(dtype)
    said = said[:, 1] if kind == "event" else said
    return Evidence(Probabilities(said), made.evidence.truth, **roles)


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
    said = getattr(made.prediction, "values", None)
    said = made.prediction.probs.copy() if said is None else said.copy()
    said[1] = np.nan
    with pytest.raises(EvidenceError, match="NaN or infinite: 1 of 3 rows, the first at \\[1\\]"):
        measure(made.truth, Points(said) if kind == "points" else said)
    with pytest.raises(EvidenceError, match=r"(?i)nan"):
        measure(np.array([0.0, np.nan, 1.0]), made.prediction)
    with pytest.raises(EvidenceError, match="weights must be finite"):
        measure(made.truth, made.prediction, weight=[1.0, np.nan, 1.0])


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
