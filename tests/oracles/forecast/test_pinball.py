"""Oracles: scikit-learn, and what it is least for."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from trueup.core import EvidenceError, Quantiles
from trueup.forecast import pinball
from trueup.forecast.scores.pinball import Pinball


LEVELS = [0.05, 0.25, 0.5, 0.9]


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(weighted):
    rng = np.random.default_rng(0)
    y, q = rng.normal(size=300), rng.normal(size=(300, 4))
    w = rng.exponential(size=300) if weighted else None
    said = Quantiles(LEVELS, q)
    each = [
        mean_pinball_loss(y, q[:, j], alpha=level, sample_weight=w)
        for j, level in enumerate(LEVELS)
    ]
    assert pinball(y, said, weight=w).value == pytest.approx(np.mean(each), rel=1e-12)
    for level, want in zip(LEVELS, each, strict=True):
        assert Pinball(at=level)(y, said, weight=w).value == pytest.approx(want, rel=1e-12)


def test_is_least_for_the_quantile():
    y = np.random.default_rng(1).exponential(size=4_001)
    tries = {c: Quantiles([0.9], np.full((4_001, 1), c)) for c in (1.0, np.quantile(y, 0.9), 3.5)}
    scores = {c: pinball(y, said).value for c, said in tries.items()}
    assert min(scores, key=scores.get) == np.quantile(y, 0.9)


def test_a_level_that_is_not_stated_is_refused():
    with pytest.raises(
        EvidenceError, match=r"pinball: no quantile at 0.8; levels at hand: 0.25, 0"
    ):
        Pinball(at=0.8)([0.0], Quantiles([0.25, 0.75], [[0.0, 1.0]]))
