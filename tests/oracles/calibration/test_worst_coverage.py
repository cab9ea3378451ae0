"""Coverage by slices against loops and against slices of a known law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from trueup.calibration import coverage_gap, size_stratified_coverage, worst_coverage
from trueup.core import Evidence, Sets
from trueup.core.errors import UsageError


def planted(rng: np.random.Generator, shares: list[float], rows: int) -> Evidence:
    """Sets of one or two of as many classes as ``shares``, each holding its truth so often."""
    truth = rng.integers(0, len(shares), rows)
    members = np.zeros((rows, len(shares)), dtype=bool)
    hit = rng.random(rows) < np.array(shares)[truth]
    members[np.arange(rows), truth] = hit
    members[np.arange(rows), (truth + 1) % len(shares)] = rng.random(rows) < 0.5
    group = np.where(truth % 2, "odd", "even")
    weight = rng.integers(1, 4, rows)
    return Evidence(Sets(members, 0.9), truth, by={"parity": group}, weight=weight)


def by_hand(e: Evidence, part: np.ndarray, least: int = 30) -> list[float]:
    """Weighted coverage of every part with rows enough."""
    hit = e.prediction.members[np.arange(len(e)), e.truth]
    return [np.average(hit[part == p], weights=e.weight[part == p])
            for p in np.unique(part) if (part == p).sum() >= least]  # fmt: skip


def test_slices_by_loops():
    e = planted(np.random.default_rng(0), [0.95, 0.9, 0.6, 0.85], 2_000)
    few = e.take(np.r_[np.flatnonzero(e.truth != 2), np.flatnonzero(e.truth == 2)[:29]])
    sizes = e.prediction.members.sum(axis=1)

    def value(measure, evidence=e, **settings):
        measure = replace(measure, **settings)
        return measure.estimate(measure.cube(evidence)).value

    assert value(worst_coverage) == pytest.approx(min(by_hand(e, e.truth)))
    assert value(worst_coverage, few) == pytest.approx(min(by_hand(few, few.truth)))
    assert value(worst_coverage, few) > 0.8 > 0.7 > value(worst_coverage, few, least=20)
    parity = (e.by["parity"] == "odd").astype(int)
    assert value(worst_coverage, over="parity") == pytest.approx(min(by_hand(e, parity)))
    assert value(size_stratified_coverage) == pytest.approx(min(by_hand(e, sizes)))
    gaps = np.abs(np.array(by_hand(e, e.truth)) - 0.9)
    assert value(coverage_gap) == pytest.approx(gaps.mean())
    with pytest.raises(UsageError, match="worst_coverage: there is no column 'region'"):
        value(worst_coverage, over="region")


def test_nothing_is_said_of_too_few_rows():
    e = planted(np.random.default_rng(1), [0.9, 0.9], 40)
    assert np.isnan(worst_coverage(e.truth, e.prediction).value)
    assert np.isnan(coverage_gap(e.truth, e.prediction).value)


def test_interval_holds_a_slice_that_is_clearly_worst():
    """200 tables of 1,500 rows; the worst of three slices holds 0.7: binomial floor of 0.9."""
    hits = 0
    for seed in range(200):
        e = planted(np.random.default_rng(seed), [0.95, 0.7, 0.9], 1_500)
        found = worst_coverage(e.truth, e.prediction)
        hits += found.low <= 0.7 <= found.high
    assert hits > 200 * 0.95 + norm.ppf(1e-4) * np.sqrt(200 * 0.95 * 0.05)


def test_the_least_of_equal_slices_is_low_by_chance():
    """The bias that the docstring names: four right slices, and the least is below 0.9."""
    found = [worst_coverage(e.truth, e.prediction).value for e in
             (planted(np.random.default_rng(s), [0.9] * 4, 800) for s in range(50))]  # fmt: skip
    assert np.mean(found) < 0.89
