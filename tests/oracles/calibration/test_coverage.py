"""Oracles: counting, the law of ranks, and what the world knows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from trueup.calibration import coverage, coverage_50, coverage_90, coverage_95
from trueup.core import Ensemble, Evidence, EvidenceError, Quantiles, Sets
from trueup.core.central import central_of, states_central
from trueup.verbs import measure
from trueup.worlds import forecasts


def test_is_a_count():
    said = Quantiles([0.05, 0.95], [[0.0, 1.0]] * 4)
    assert coverage([0.0, 1.0, 0.5, 1.01], said).value == 0.75
    assert (
        coverage([0.0, 2.0], Quantiles([0.05, 0.95], [[0.0, 1.0]] * 2), weight=[3, 1]).value == 0.75
    )


@pytest.mark.parametrize("kind", ["normal", "quantiles"])
def test_what_the_world_knows_lies_in_the_interval(kind):
    made = forecasts(kind, spread=0.7, bias=0.3, rows=20_000)
    for said, level in ((coverage_50, 0.5), (coverage_90, 0.9), (coverage_95, 0.95)):
        z = 0.7 * norm.ppf((1 + level) / 2)
        true = norm.cdf(0.3 + z) - norm.cdf(0.3 - z)
        found = said(made.evidence.truth, made.evidence.prediction, level=0.999)
        assert found.low < true < found.high


def test_good_members_hold_what_their_ranks_say():
    """39 members: the second from below and above hold 1 - 4 / 40 exactly."""
    made = forecasts("ensemble", members=39, rows=40_000).evidence
    low, high = central_of(made.prediction, 0.9)
    ranked = np.sort(made.prediction.members, axis=1)
    assert (low == ranked[:, 1]).all() and (high == ranked[:, -2]).all()
    found = coverage_90(made.truth, made.prediction, level=0.999)
    assert found.low < 0.9 < found.high


def test_few_misses_have_the_interval_of_wilson():
    e = forecasts("normal", spread=3.0, rows=200).evidence
    found = coverage_95(e.truth, e.prediction)
    assert "Wilson" in found.how and found.value == 1.0 and 0.97 < found.low < 1 == found.high


def test_levels_that_are_not_stated_are_refused():
    two = Quantiles([0.25, 0.75], [[0.0, 1.0]])
    with pytest.raises(
        EvidenceError, match=r"quantiles at 0.05 and 0.95; levels at hand: 0.25, 0.7"
    ):
        coverage_90([0.0], two)
    with pytest.raises(EvidenceError, match=r"at level 0.95: the range of 10 members holds 0.818"):
        coverage_95([0.0], Ensemble(np.zeros((1, 10))))
    assert states_central(two, 0.5) and not states_central(two, 0.9)


def test_sets_hold_the_class_that_happened():
    sets = Sets(np.array([[True, False, True], [False, True, False], [False, False, False]]), 0.9)
    assert coverage([2, 1, 0], sets).value == pytest.approx(2 / 3)
    with pytest.raises(EvidenceError, match=r"labels \[3\] are none of the 3 classes"):
        coverage([2, 1, 3], sets)
    with pytest.raises(EvidenceError, match=r"no sets at level 0.5"):
        coverage_50([2, 1, 0], sets)


def test_sets_that_hold_the_class_by_a_loop_with_weights():
    rng = np.random.default_rng(0)
    members, truth, weight = rng.random((300, 5)) < 0.6, rng.integers(0, 5, 300), rng.random(300)
    hits = [w for row, y, w in zip(members.tolist(), truth, weight, strict=True) if row[y]]
    said = Sets(members, 0.6)
    assert coverage(truth, said, weight=weight).value == pytest.approx(
        sum(hits) / weight.sum(), rel=1e-12
    )


def test_intervals_hold_the_share_of_sets():
    """Of 400 intervals on 200 rows that hold 0.9 of the truths, as many hold it as .93 allows."""
    rng, hits = np.random.default_rng(1), 0
    for _ in range(400):
        members = np.zeros((200, 2), dtype=bool)
        members[:, 0] = rng.random(200) < 0.9
        found = coverage(np.zeros(200, int), Sets(members, 0.9))
        hits += found.low <= 0.9 <= found.high
    assert hits >= binom.ppf(1e-4, 400, 0.93)


def test_of_sets_by_class_and_by_size():
    rng = np.random.default_rng(2)
    members, truth = rng.random((900, 3)) < 0.5, rng.integers(0, 3, 900)
    made = Evidence(Sets(members, 0.5, classes=("a", "b", "c")), truth)
    own = measure(made, "coverage", by="class")
    assert list(own) == ["a", "b", "c"]
    assert own["b"].value == pytest.approx(members[truth == 1, 1].mean())
    sizes = measure(made, "coverage", by="set size")
    two = members.sum(axis=1) == 2
    assert list(sizes) == [0, 1, 2, 3] and sizes[0].value == 0 and sizes[3].value == 1
    assert sizes[2].value == pytest.approx(members[two, truth[two]].mean())


def test_names_are_truths_and_strange_ones_are_refused():
    said = Sets(np.array([[True, False], [True, True]]), 0.9, classes=("cat", "dog"))
    assert coverage(["cat", "dog"], said).value == 1.0
    with pytest.raises(EvidenceError, match=r"labels \['bird'\] are none of the 2 classes"):
        coverage(["cat", "bird"], said)
    with pytest.raises(EvidenceError, match="Sets: 3 class names for 2 columns"):
        Sets(np.array([[True, False]]), 0.9, classes=("a", "b", "c"))
