"""Oracles: a search without derivatives, differences, known lines, and the weather at Magdeburg."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr
from scipy.stats import norm

from corrections import score_of_rows
from real_forecasts import by_cluster, magdeburg
from trueup.calibration import EMOS
from trueup.calibration.distributions.emos import _loss
from trueup.core import Ensemble, Evidence, FitError, Normal
from trueup.core.laws import mean_of, sd_of
from trueup.worlds import forecasts


def loss_by_hand(e: Evidence, theta, name: str) -> float:
    """The weighted mean score at (a, b, log c, log d)."""
    m, s = mean_of(e.prediction), sd_of(e.prediction)
    sd = np.sqrt(np.exp(theta[2]) + np.exp(theta[3]) * s**2)
    mean = theta[0] + theta[1] * m
    if name == "log_score":
        return -np.average(norm.logpdf(e.truth, mean, sd), weights=e.weight)
    u = (e.truth - mean) / sd
    score = sd * (u * (2 * ndtr(u) - 1) + 2 * norm.pdf(u) - 1 / np.sqrt(np.pi))
    return float(np.average(score, weights=e.weight))


@pytest.mark.parametrize("loss", ["crps", "log_score"])
@pytest.mark.parametrize("kind", ["normal", "ensemble"])
def test_equals_a_search_without_derivatives(kind, loss):
    e = forecasts(kind, spread=0.5, bias=0.4, rows=500, seed=1).evidence
    e = Evidence(e.prediction, e.truth + 0.3 * np.random.default_rng(0).normal(size=500),
                 weight=np.random.default_rng(1).exponential(size=500))  # fmt: skip
    fitted = EMOS(loss=loss).fit(e)
    a, b, c, d = fitted.map.parameters.values()
    found = loss_by_hand(e, [a, b, np.log(c), np.log(d)], loss)
    # Squares instead of logarithms: a search without derivatives gets lost where c nears 0.
    best = minimize(
        lambda x: loss_by_hand(e, [x[0], x[1], *np.log(x[2:] ** 2 + 1e-300)], loss),
        [0.0, 1.0, 0.6, 1.5],
        method="Nelder-Mead",
        options={"maxiter": 8_000, "maxfev": 8_000, "xatol": 1e-9, "fatol": 1e-15},
    )
    assert fitted.converged and found <= best.fun + 1e-11
    assert [a, b, c, d] == pytest.approx([*best.x[:2], *best.x[2:] ** 2], abs=1e-5)


@pytest.mark.parametrize("loss", ["crps", "log_score"])
def test_derivatives_are_those_of_differences(loss):
    rng = np.random.default_rng(0)
    x, square, y, w = rng.normal(size=30), rng.exponential(size=30), rng.normal(size=30), np.full(
        30, 1 / 30)  # fmt: skip
    function, at = _loss(loss, x, square, y, w), np.array([0.2, 0.8, -0.5, 0.3])
    _, slope, bend = function(at)
    for j, step in enumerate(1e-5 * np.eye(4)):
        ahead, behind = function(at + step), function(at - step)
        assert slope[j] == pytest.approx((ahead[0] - behind[0]) / 2e-5, abs=1e-8)
        assert bend[j] == pytest.approx((ahead[1] - behind[1]) / 2e-5, abs=1e-8)


def test_known_lines_are_found():
    """a = 1, b = 0.5, c = 0.25, d = 4 from 200,000 rows: each within 4 % of its size."""
    rng = np.random.default_rng(0)
    m, s = rng.normal(size=200_000), np.exp(0.5 * rng.normal(size=200_000))
    y = 1 + 0.5 * m + np.sqrt(0.25 + 4 * s**2) * rng.normal(size=200_000)
    for loss in ("crps", "log_score"):
        found = EMOS(loss=loss).fit(Evidence(Normal(m, s), y)).map.parameters
        assert list(found.values()) == pytest.approx([1.0, 0.5, 0.25, 4.0], rel=0.04, abs=0.04)


def test_units_do_not_matter():
    e = forecasts("ensemble", spread=0.5, rows=300).evidence
    one = EMOS().fit(e)
    big = Ensemble(1e6 * e.prediction.members + 3e9)
    other = EMOS().fit(Evidence(big, 1e6 * e.truth + 3e9))
    sds = one.apply(e.prediction).sd, other.apply(big).sd / 1e6
    assert sds[0] == pytest.approx(sds[1], rel=1e-5)


def test_rows_that_all_agree_and_a_line_that_fits_exactly():
    alike = EMOS().fit(Evidence(Normal([1.0, 1.0], [1.0, 1.0]), [2.0, 4.0]))
    assert alike.apply(Normal([1.0], [1.0])).mean == pytest.approx([3.0], abs=1e-6)
    exact = EMOS().fit(Evidence(Normal([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]), [1.0, 2.0, 3.0]))
    assert not exact.converged and np.isfinite(exact.apply(Normal([9.0], [1.0])).sd).all()
    one = forecasts("ensemble", members=1, rows=200).evidence
    assert EMOS().fit(one).apply(one.prediction).sd == pytest.approx(
        np.full(200, EMOS().fit(one).map.parameters["c"] ** 0.5)
    )


def test_a_loss_that_is_none_is_an_error():
    with pytest.raises(FitError, match=r"EMOS: loss is 'wis'. Use one of crps, log_score"):
        EMOS(loss="wis")


def test_the_weather_at_magdeburg():
    """24-hour temperature, 50 members: the first half of the days teaches, the second judges."""
    e = magdeburg()
    y, x = e.truth, e.prediction.members
    raw = score_of_rows(e.prediction, y)
    z = (y - x.mean(axis=1)) / x.std(axis=1, ddof=1)
    assert (raw.mean(), np.sqrt(np.mean(z**2))) == pytest.approx((0.988, 3.15), abs=5e-3)
    assert np.mean(x.mean(axis=1) - y) == pytest.approx(-0.297, abs=2e-3)
    half = len(y) // 2
    new = e.take(slice(half, None))
    for loss in ("crps", "log_score"):
        after = EMOS(loss=loss).fit(e.take(slice(0, half))).apply(new.prediction)
        # Blocks of a month: days depend on their neighbours.
        month = np.arange(len(new)) // 30
        fall, chance = by_cluster(score_of_rows(after, new.truth) - raw[half:], month)
        assert fall + 3.7 * chance < 0 and fall < -0.1
        z = (new.truth - after.mean) / after.sd
        assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, abs=0.1)
