"""Oracles: scikit-learn's isotonic regression on the rows, the identity, published values."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from trueup.calibration import brier, discrimination, miscalibration, uncertainty
from trueup.worlds import confident_by_factor


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_on_the_rows(weighted):
    rng = np.random.default_rng(1)
    p = rng.choice(np.linspace(0.02, 0.98, 60), 1_500)  # no two scores share a fine bin
    y = (rng.random(1_500) < p**1.5).astype(int)
    w = rng.exponential(size=1_500) if weighted else np.ones(1_500)
    fitted = IsotonicRegression().fit_transform(p, y, sample_weight=w)
    base = np.average(y, weights=w)

    def score(q):
        return np.average((q - y) ** 2, weights=w)

    want = score(p) - score(fitted), score(np.full(1_500, base)) - score(fitted), base * (1 - base)
    weight = w if weighted else None
    found = [m(y, p, weight=weight).value for m in (miscalibration, discrimination, uncertainty)]
    assert found == pytest.approx(want, abs=1e-12)


def test_the_three_add_up_to_the_brier_score():
    e = confident_by_factor(2.0, shift=0.3, rows=4_000, seed=1).evidence
    p = e.prediction.probs[:, 1]
    mcb, dsc, unc = (m(e.truth, p).value for m in (miscalibration, discrimination, uncertainty))
    # Inside a fine bin scores differ by up to 1/128: that is 1e-5 of the squares.
    assert mcb - dsc + unc == pytest.approx(brier(e.truth, p).value, abs=2e-5)


def test_published_values_of_the_over_confident_model():
    """MCB .01351, DSC .07354, UNC .25000 on a million rows of this law, by another package."""
    e = confident_by_factor(2.0, shift=0.3, rows=300_000, seed=0).evidence
    p = e.prediction.probs[:, 1]
    found = [m(e.truth, p) for m in (miscalibration, discrimination, uncertainty)]
    for estimate, want in zip(found, (0.01351, 0.07354, 0.25000), strict=True):
        assert estimate.value == pytest.approx(want, abs=5e-4)


def test_a_forecast_that_knows_nothing_has_no_discrimination():
    y = np.arange(100) % 2
    assert discrimination(y, np.full(100, 0.8)).value == pytest.approx(0.0, abs=1e-12)
    assert miscalibration(y, np.full(100, 0.8)).value == pytest.approx(0.09)
