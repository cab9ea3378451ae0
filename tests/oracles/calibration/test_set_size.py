"""Sizes of sets against loops."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.calibration import empty_sets, mean_set_size, singletons
from trueup.core import Sets


def test_sizes_by_loops_with_weights():
    rng = np.random.default_rng(0)
    members, truth, weight = rng.random((400, 6)) < 0.2, np.zeros(400, int), rng.random(400)
    said, total = Sets(members, 0.9), weight.sum()
    size = [sum(row) for row in members.tolist()]
    pairs = list(zip(size, weight, strict=True))
    expected = {
        mean_set_size: sum(w * s for s, w in pairs) / total,
        singletons: sum(w for s, w in pairs if s == 1) / total,
        empty_sets: sum(w for s, w in pairs if s == 0) / total,
    }
    for measure, value in expected.items():
        assert measure(truth, said, weight=weight).value == pytest.approx(value, rel=1e-12)


def test_interval_of_the_size_is_that_of_a_mean():
    """The jackknife over groups of about ten rows against the standard error of a mean."""
    rng = np.random.default_rng(1)
    members = rng.random((12_000, 10)) < rng.random((12_000, 1))
    found = mean_set_size(np.zeros(12_000, int), Sets(members, 0.9))
    error = members.sum(axis=1).std(ddof=1) / np.sqrt(12_000)
    assert (found.high - found.low) / (2 * 1.98) == pytest.approx(error, rel=0.2)
