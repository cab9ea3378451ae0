"""Coverage of sets against a loop, its interval against a binomial law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from trueup.calibration import set_coverage
from trueup.core import Evidence, EvidenceError, Sets
from trueup.verbs import measure


def test_share_of_rows_by_a_loop_with_weights():
    rng = np.random.default_rng(0)
    members, truth, weight = rng.random((300, 5)) < 0.6, rng.integers(0, 5, 300), rng.random(300)
    hits = [w for row, y, w in zip(members.tolist(), truth, weight, strict=True) if row[y]]
    said = Sets(members, 0.6)
    assert set_coverage(truth, said, weight=weight).value == pytest.approx(
        sum(hits) / weight.sum(), rel=1e-12
    )


def test_intervals_hold_the_share():
    """Of 400 intervals on 200 rows that hold 0.9 of the truths, as many hold it as .93 allows."""
    rng, hits = np.random.default_rng(1), 0
    for _ in range(400):
        members = np.zeros((200, 2), dtype=bool)
        members[:, 0] = rng.random(200) < 0.9
        found = set_coverage(np.zeros(200, int), Sets(members, 0.9))
        hits += found.low <= 0.9 <= found.high
    assert hits >= binom.ppf(1e-4, 400, 0.93)


def test_by_class_and_by_size():
    rng = np.random.default_rng(2)
    members, truth = rng.random((900, 3)) < 0.5, rng.integers(0, 3, 900)
    made = Evidence(Sets(members, 0.5, classes=("a", "b", "c")), truth)
    own = measure(made, "set_coverage", by="class")
    assert list(own) == ["a", "b", "c"]
    assert own["b"].value == pytest.approx(members[truth == 1, 1].mean())
    sizes = measure(made, "set_coverage", by="set size")
    two = members.sum(axis=1) == 2
    assert list(sizes) == [0, 1, 2, 3] and sizes[0].value == 0 and sizes[3].value == 1
    assert sizes[2].value == pytest.approx(members[two, truth[two]].mean())


def test_names_are_truths_and_strange_ones_are_refused():
    said = Sets(np.array([[True, False], [True, True]]), 0.9, classes=("cat", "dog"))
    assert set_coverage(["cat", "dog"], said).value == 1.0
    with pytest.raises(EvidenceError, match=r"labels \['bird'\] are none of the 2 classes"):
        set_coverage(["cat", "bird"], said)
    with pytest.raises(EvidenceError, match="Sets: 3 class names for 2 columns"):
        Sets(np.array([[True, False]]), 0.9, classes=("a", "b", "c"))
