"""Oracles: the formula row by row, MAPIE's number, the Brier score and its expectation."""

import numpy as np
import pytest

from trueup.calibration import brier, spiegelhalter_z
from trueup.worlds import clustered, confident_by_factor


def by_rows(y, p, w) -> float:
    """The formula."""
    top = (w * (y - p) * (1 - 2 * p)).sum()
    return top / np.sqrt((w**2 * (1 - 2 * p) ** 2 * p * (1 - p)).sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_formula(weighted):
    e = confident_by_factor(2.0, shift=0.3, rows=3_000, seed=1).evidence
    p = e.prediction.probs[:, 1]
    w = np.random.default_rng(0).exponential(size=3_000) if weighted else np.ones(3_000)
    found = spiegelhalter_z(e.truth, p, weight=w if weighted else None).value
    assert found == pytest.approx(by_rows(e.truth, p, w), rel=1e-3)


def test_number_of_mapie():
    """MAPIE 1.6.0: 18.203426."""
    e = confident_by_factor(2.0, shift=0.3, rows=2_000, seed=7).evidence
    assert spiegelhalter_z(e.truth, e.prediction).value == pytest.approx(18.203426, rel=2e-4)


def test_numerator_is_brier_minus_its_expectation():
    e = confident_by_factor(2.0, rows=2_000, seed=2).evidence
    p = e.prediction.probs[:, 1]
    excess = 2_000 * (brier(e.truth, p).value - (p * (1 - p)).mean())
    spread = np.sqrt(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    assert spiegelhalter_z(e.truth, p).value == pytest.approx(excess / spread, rel=1e-3)


def test_sign_says_over_confident_or_timid():
    for factor, sign in ((2.0, 1), (0.5, -1)):
        found = spiegelhalter_z(*(lambda e: (e.truth, e.prediction))(
            confident_by_factor(factor, rows=3_000).evidence))  # fmt: skip
        assert np.sign(found.low) == np.sign(found.high) == sign


def test_clusters_are_the_unit():
    """Between groups: mean over spread of the groups' sums, as in a t test."""
    e = clustered(3_000, factor=1.0, icc=0.6, mean_size=40, seed=1).evidence
    p, group = e.prediction.probs[:, 1], e.groups()
    u = np.bincount(group, (e.truth - p) * (1 - 2 * p), minlength=128)
    n = np.bincount(group, minlength=128)
    left = u - n * u.sum() / n.sum()
    want = u.sum() / np.sqrt((left**2).sum() / (1 - (n**2).sum() / n.sum() ** 2))
    found = spiegelhalter_z(e.truth, p, cluster=e.cluster).value
    assert found == pytest.approx(want, rel=2e-3)
    assert abs(found) < abs(spiegelhalter_z(e.truth, p).value)
