"""Oracles: points of the curve one by one, the Brier score and log loss as its mixtures, bands."""

import numpy as np
import pytest
from scipy.special import expit

from trueup.calibration import ElementaryScore, brier, murphy_curve
from trueup.core import UsageError
from trueup.worlds import clustered, confident_by_factor


E = confident_by_factor(2.0, shift=0.3, rows=2_000, seed=1).evidence


def test_points_equal_the_elementary_score():
    curve = murphy_curve(E.truth, E.prediction, simultaneous=False)
    assert len(curve) == 99 and curve.n == 2_000
    for i in (0, 24, 49, 98):
        want = ElementaryScore(curve.x[i])(E.truth, E.prediction)
        got = list(curve)[i]
        assert got.value == pytest.approx(want.value, abs=1e-12)
        assert [got.value, got.low, got.high] == pytest.approx(
            [want.value, want.low, want.high], abs=5e-4
        )


def test_brier_score_is_twice_its_integral():
    p = np.round(E.prediction.probs[:, 1], 2)  # scores on thresholds: the sum is then exact
    theta = np.arange(1, 100) / 100
    curve = murphy_curve(E.truth, np.clip(p, 0.01, 0.99)).value
    # Between thresholds S is linear in theta for a fixed set of scores above it.
    steps = np.concatenate([[0.0], curve, [0.0]])
    found = np.trapezoid(steps, np.concatenate([[0.0], theta, [1.0]])) * 2
    assert found == pytest.approx(brier(E.truth, np.clip(p, 0.01, 0.99)).value, abs=2e-3)


def test_difference_is_paired_and_narrower_than_the_two():
    z = np.log(E.prediction.probs[:, 1] / E.prediction.probs[:, 0])
    honest = expit((z - 0.3) / 2)
    both = murphy_curve(E.truth, honest, against=E.prediction)
    alone = [murphy_curve(E.truth, said) for said in (honest, E.prediction)]
    assert both.value == pytest.approx(alone[0].value - alone[1].value, abs=1e-12)
    widths = [np.mean(c.high - c.low) for c in (both, *alone)]
    assert widths[0] < 0.8 * np.hypot(*widths[1:])
    assert (both.low <= 0).all()  # the truth is nowhere worse than what it was distorted from
    same = murphy_curve(E.truth, E.prediction, against=E.prediction)
    assert (same.low == 0).all() and (same.high == 0).all()


def test_simultaneous_bands_hold_the_whole_truth():
    """Of 200 tables at 95 %, 177 hits have a chance of 1e-3 at 93 %; points alone miss often."""
    z = np.linspace(-9, 9, 100_001)
    mass = np.exp(-((z / 1.5) ** 2) / 2)
    mass /= mass.sum()
    p, q, theta = expit(2 * z), expit(z), np.arange(1, 100) / 100
    vain = np.array([(mass * (1 - q))[p > t].sum() for t in theta])
    truth = theta * vain + (1 - theta) * np.array([(mass * q)[p <= t].sum() for t in theta])
    whole = alone = 0
    for seed in range(200):
        e = confident_by_factor(2.0, rows=1_500, seed=seed).evidence
        for simultaneous in (True, False):
            curve = murphy_curve(e.truth, e.prediction, simultaneous=simultaneous)
            held = ((curve.low <= truth) & (truth <= curve.high)).all()
            whole, alone = whole + (held and simultaneous), alone + (held and not simultaneous)
    assert 177 <= whole <= 200 and alone < 150


def test_clusters_widen_the_band():
    e = clustered(2_000, icc=0.6, mean_size=40, seed=1).evidence
    told = murphy_curve(e.truth, e.prediction, cluster=e.cluster)
    plain = murphy_curve(e.truth, e.prediction)
    assert np.mean(told.high - told.low) > 1.2 * np.mean(plain.high - plain.low)


def test_one_cluster_has_no_band_and_levels_are_shares():
    one = murphy_curve(E.truth, E.prediction, cluster=np.zeros(2_000, int))
    assert np.isnan(one.low).all() and "too few groups" in one.how
    with pytest.raises(UsageError, match="murphy_curve: level is 95"):
        murphy_curve(E.truth, E.prediction, level=95)
