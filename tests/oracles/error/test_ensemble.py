"""The ensemble of regressions: against a loop over resamples with the regression of one."""

from __future__ import annotations

import numpy as np

from trueup.error.discovery.estimate import resamples
from trueup.error.discovery.grams import Grams
from trueup.error.discovery.regressions import INCLUSION, ensembled, thresholded
from trueup.error.discovery.select import standardised, supports


THRESHOLDS = np.array([0.02, 0.1, 0.3])


def sums(seed: int) -> Grams:
    """Sums of 40 windows of three rows, two of six terms true."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 40, 3))
    return Grams.of(x, x[1] - 0.5 * x[4] + rng.normal(size=(40, 3)), np.zeros(3, dtype=int))


def test_the_ensemble_is_a_vote_of_resamples():
    grams, counts = sums(0), resamples(40, seed=0)[:30]
    xx, xy, yy = grams.total(counts)
    r, s, _ = standardised(xx, xy, yy)
    found = ensembled(r, s, 120.0, THRESHOLDS)
    for number, threshold in enumerate(THRESHOLDS):
        votes = np.mean(
            [thresholded(a, b, 120.0, np.array([threshold]))[0] for a, b in zip(r, s, strict=True)],
            axis=0,
        )
        for place, share in enumerate(INCLUSION):
            mine = found[place * len(THRESHOLDS) + number]
            assert np.array_equal(mine, votes >= share)


def test_every_support_is_tried_once_and_none_is_among_them():
    tries = supports(sums(1), ensembled, resamples(40, seed=0)[:30])
    assert len(np.unique(tries, axis=0)) == len(tries)
    assert not tries[0].any()
    assert any(np.array_equal(np.flatnonzero(t), [1, 4]) for t in tries)
