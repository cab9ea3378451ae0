"""Oracles: Kalman and his smoother where the model is linear, a minimiser where it is not."""

import numpy as np
import pytest
from scipy.optimize import minimize

from lorenz import kalman_filter, linear, rauch_tung_striebel, step, twins
from trueup.core import UsageError
from trueup.error import EnsembleFilter, IterativeSmoother, Observations


@pytest.mark.parametrize("lag", [1, 3, 12, 20])
def test_a_linear_model_needs_one_step_to_the_exact_answer(lag):
    M, H, R, E, ys = linear()
    made = EnsembleFilter(rotate=True, smoother=IterativeSmoother(lag)).run(
        lambda x, dt: x @ M.T, E, observations=Observations(ys, R, H), dt=1.0
    )
    forecasts, analyses = kalman_filter(E.mean(0), np.cov(E.T), M, H, R, ys)
    assert made.analysis == pytest.approx(np.array([m for m, _ in analyses]), abs=1e-7)
    assert made.forecast == pytest.approx(np.array([m for m, _ in forecasts]), abs=1e-7)
    for k in range(12):
        last = min(k + lag, 11) + 1
        mean, P = rauch_tung_striebel(forecasts[:last], analyses[:last], M)[k]
        assert made.smoothed[k] == pytest.approx(mean, abs=1e-6)
        assert made.smoothed_spread[k] == pytest.approx(np.sqrt(np.trace(P) / 4), rel=1e-5)


def test_the_mode_is_that_of_a_minimiser():
    """Sensitivities are those of the cloud of members, so that a small cloud finds the mode."""
    rng = np.random.default_rng(0)
    E = 0.02 * rng.normal(size=(9, 2)) + [0.3, 1.0]
    mean, A = E.mean(0), E - E.mean(0)

    def model(x, dt):
        return np.stack([x[..., 0] + dt * np.sin(3 * x[..., 1]), x[..., 1] * np.exp(-dt)], -1)

    y = model(mean + np.array([0.02, 0.015]), 0.7)

    def cost(w):
        off = (y - model(mean + w @ A, 0.7)) / 0.005
        return 4 * w @ w + 0.5 * off @ off

    best = minimize(cost, np.zeros(9), tol=1e-12).x
    made = EnsembleFilter(smoother=IterativeSmoother(tolerance=1e-8, iterations=50)).run(
        model, E, observations=Observations(y[None], 0.005), dt=0.7
    )
    assert made.analysis[0] == pytest.approx(model(mean + best @ A, 0.7), abs=2e-4)


def test_it_follows_lorenz_96_where_a_filter_does_not():
    """Observed every 0.6 units: DAPPER expects .46 of 25 members and inflation 1.2."""
    E, truth, y = twins(8, 80, 25, seed=1, every=12)
    same = {"observations": Observations(y, 1.0, every=12, batched=True), "dt": 0.05}
    smoother = IterativeSmoother()
    made = EnsembleFilter(inflation=1.2, rotate=True, smoother=smoother).run(step, E, **same)
    found = made.rmse(truth, burn_in=15).value
    assert found == pytest.approx(0.47, abs=0.08)
    plain = EnsembleFilter(inflation=1.2, rotate=True).run(step, E, **same)
    assert found < 0.9 * plain.rmse(truth, burn_in=15).value


def test_counts_are_counts():
    with pytest.raises(UsageError, match="iterations is 0"):
        IterativeSmoother(iterations=0)
    with pytest.raises(UsageError, match=r"lag is 1\.5"):
        IterativeSmoother(lag=1.5)
