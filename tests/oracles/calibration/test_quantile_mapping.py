"""Oracles: NumPy's quantiles and interpolation, repeats, and curves that are known."""

import numpy as np
import pytest

from trueup.calibration import QuantileMapping
from trueup.core import Ensemble, Evidence, Points, Quantiles


RNG = np.random.default_rng(0)
X = RNG.gamma(2.0, size=400)
Y = np.sqrt(RNG.gamma(2.0, size=400)) + 1.0


def by_hand(said, truth, at, knots):
    """NumPy's quantiles, straight lines, and the shift of the outermost knots beyond them."""
    shares = (np.arange(knots) + 0.5) / knots
    x, y = (np.quantile(v, shares, method="hazen") for v in (said, truth))
    inside = np.interp(at, x, y)
    return np.where(at < x[0], at + y[0] - x[0], np.where(at > x[-1], at + y[-1] - x[-1], inside))


@pytest.mark.parametrize("knots", [1, 7, 50, 400])
def test_points_equal_numpy(knots):
    fitted = QuantileMapping(knots=knots).fit(Evidence(Points(X), Y))
    at = np.linspace(-3, 20, 301)
    found = fitted.apply(Points(at)).values
    assert found == pytest.approx(by_hand(X, Y, at, knots), abs=1e-9)


def test_no_more_knots_than_rows():
    fitted = QuantileMapping(knots=50).fit(Evidence(Points(X[:9]), Y[:9]))
    assert len(fitted.map.knots) == 9


def test_members_are_pooled():
    members = X.reshape(100, 4)
    fitted = QuantileMapping(knots=20).fit(Evidence(Ensemble(members), Y[:100]))
    meant = by_hand(X, Y[:100], members, 20)
    assert fitted.apply(Ensemble(members)).members == pytest.approx(meant, abs=1e-9)


def test_quantiles_stand_for_their_share_of_levels():
    """Levels .1, .3, .9 stand for shares .2, .4, .4: as that many repeats."""
    values = np.sort(X.reshape(-1, 2)[:150], axis=1)
    values = np.column_stack([values, values[:, 1] + 1.0])
    fitted = QuantileMapping(knots=10).fit(Evidence(Quantiles([0.1, 0.3, 0.9], values), Y[:150]))
    pooled = np.repeat(values, [1, 2, 2], axis=1).ravel()
    shares = (np.arange(10) + 0.5) / 10
    assert fitted.map.knots == pytest.approx(np.quantile(pooled, shares, method="hazen"), abs=0.1)
    assert fitted.map.values == pytest.approx(np.quantile(Y[:150], shares, method="hazen"))


def test_ties_stand_for_the_middle_of_what_happened():
    said = np.r_[np.zeros(50), np.ones(50)]
    truth = np.r_[np.linspace(0, 1, 50), np.full(50, 5.0)]
    fitted = QuantileMapping(knots=10).fit(Evidence(Points(said), truth))
    found = fitted.apply(Points([0.0, 1.0, -2.0, 3.0])).values
    assert found == pytest.approx([0.5, 5.0, -1.5, 7.0], abs=0.02)


def test_the_curve_never_falls_and_keeps_order():
    rng = np.random.default_rng(3)
    for _ in range(20):
        x, y = rng.integers(-3, 4, 40) + 0.0, rng.normal(size=40)
        at = np.linspace(-6, 6, 500)
        found = QuantileMapping(knots=15).fit(Evidence(Points(x), y)).apply(Points(at)).values
        assert (np.diff(found) >= -1e-12).all()
