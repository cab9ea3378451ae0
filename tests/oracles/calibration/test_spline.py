"""Oracles: a general search on a numeric integral, Platt's line, the true curve."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize
from scipy.special import expit

from trueup.calibration import PlattScaling, SplineCalibration
from trueup.calibration.recalibrate.spline import _bend, _best_penalty, _cardinal, _newton
from trueup.core import Probabilities, UsageError
from trueup.worlds import confident_by_factor


RNG = np.random.default_rng(0)
X = RNG.normal(0, 2, 400)
Y = (RNG.random(400) < expit(2 * np.tanh(X))).astype(float)
KNOTS = np.array([-3.0, -1.0, 0.2, 1.5, 3.5])


def natural(values, x):
    """A natural spline that goes on straight, by SciPy alone."""
    curve = CubicSpline(KNOTS, values, bc_type="natural")
    inside = np.clip(x, KNOTS[0], KNOTS[-1])
    return curve(inside) + (x - inside) * curve(inside, 1)


def test_the_penalty_is_the_integral_of_the_squared_bend():
    values = RNG.normal(size=5)
    curve = CubicSpline(KNOTS, values, bc_type="natural")
    pieces = [quad(lambda x: float(curve(x, 2)) ** 2, a, b)[0]
              for a, b in pairwise(KNOTS)]  # fmt: skip
    assert values @ _bend(KNOTS) @ values == pytest.approx(sum(pieces), rel=1e-9)
    assert _cardinal(KNOTS, X) @ values == pytest.approx(natural(values, X), abs=1e-10)


@pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
def test_newton_finds_what_a_general_search_finds(penalty):
    def loss(values):
        eta = natural(values, X)
        bend = values @ _bend(KNOTS) @ values
        return (np.logaddexp(0, eta) - Y * eta).sum() + penalty / 2 * bend

    meant = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-4}).x
    found, criterion, converged = _newton(
        _cardinal(KNOTS, X), np.ones(400), Y, penalty * _bend(KNOTS), np.zeros(5)
    )
    assert converged and found == pytest.approx(meant, abs=2e-4)
    q = expit(natural(found, X))
    design = _cardinal(KNOTS, X)
    h = design.T @ np.diag(q * (1 - q)) @ design
    numbers = np.trace(np.linalg.solve(h + penalty * _bend(KNOTS), h))
    plain = (np.logaddexp(0, natural(found, X)) - Y * natural(found, X)).sum()
    assert criterion == pytest.approx(2 * plain + 2 * numbers, rel=1e-9) and 2 < numbers < 5


def test_a_line_is_left_a_line():
    """Where the truth is a line the penalty chosen leaves Platt's line, to a hundredth."""
    e = confident_by_factor(2.0, shift=0.4, rows=5_000, seed=1).evidence
    said = Probabilities(np.linspace(0.02, 0.98, 50))
    found = SplineCalibration().fit(e).apply(said).probs
    assert found == pytest.approx(PlattScaling().fit(e).apply(said).probs, abs=0.02)


def test_the_penalty_does_not_depend_on_the_unit_of_the_scores():
    one = _best_penalty(KNOTS, X, np.ones(400), Y)
    other = _best_penalty(10 * KNOTS, 10 * X, np.ones(400), Y)
    assert other == pytest.approx(1000 * one)


def test_map_is_smooth_and_straight_outside():
    e = confident_by_factor(2.0, rows=3_000, seed=2).evidence
    m = SplineCalibration().fit(e).map
    far = Probabilities(expit(np.array([-30.0, -20.0, -10.0])))
    z = np.diff(SplineCalibration().fit(e).apply(far).log_probs(), axis=1)[:, 0]
    first = CubicSpline(m.knots, m.values, bc_type="natural")(m.knots[0], 1)
    assert np.diff(z)[-1] == pytest.approx(10 * first, rel=1e-6)


def test_too_few_knots_is_an_error():
    with pytest.raises(UsageError, match=r"SplineCalibration: knots is 2\. Pass 3 or more"):
        SplineCalibration(knots=2)
