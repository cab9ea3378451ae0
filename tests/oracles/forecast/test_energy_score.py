"""Oracles: a slow loop, the CRPS in one dimension, and what fair means."""

from __future__ import annotations

import numpy as np
import pytest

from trueup.core import Ensemble, EvidenceError
from trueup.forecast import crps, energy_score


def test_is_the_loop_over_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5, 3)), rng.normal(size=(30, 3))
    for fair, pairs in ((False, 25), (True, 20)):
        want = 0.0
        for members, truth in zip(x, y, strict=True):
            near = sum(np.linalg.norm(a - truth) for a in members) / 5
            apart = sum(np.linalg.norm(a - b) for a in members for b in members)
            want += near - apart / (2 * pairs)
        assert energy_score(y, x, fair=fair).value == pytest.approx(want / 30, rel=1e-12)


def test_of_one_number_it_is_the_crps():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(400, 8)), rng.normal(size=400)
    roles = {"cluster": np.arange(400) // 4, "weight": rng.exponential(size=400)}
    found = energy_score(y[:, None], x[:, :, None], **roles)
    want = crps(y, Ensemble(x), **roles)
    assert (found.value, found.low) == pytest.approx((want.value, want.low), rel=1e-12)


def test_the_true_law_scores_better_by_a_paired_difference():
    rng = np.random.default_rng(2)
    y = rng.normal(size=(2_000, 4))
    good, bad = (scale * rng.normal(size=(2_000, 10, 4)) for scale in (1.0, 2.0))
    found = energy_score(y, good, against=bad)
    assert found.high < 0 and "paired" in found.how
    assert found.value == pytest.approx(energy_score(y, good).value - energy_score(y, bad).value)


def test_shapes_that_do_not_fit_are_refused():
    x = np.zeros((3, 2, 2))
    with pytest.raises(EvidenceError, match=r"members of shape \(3, 2, 2\) for a truth of shape"):
        energy_score(np.zeros((3, 1)), x)
    with pytest.raises(EvidenceError, match=r"needs 3 dimension\(s\)"):
        energy_score(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(EvidenceError, match="NaN or infinite: 1 of 3 rows"):
        energy_score(np.zeros((3, 2)), np.where(np.arange(12) == 5, np.nan, 0).reshape(3, 2, 2))
    with pytest.raises(EvidenceError, match="energy_score: fair needs two members"):
        energy_score(np.zeros((3, 2)), x[:, :1], fair=True)
