"""Oracles: the smoother of Rauch, Tung and Striebel in matrices."""

import numpy as np
import pytest

from lorenz import kalman_filter, linear, rauch_tung_striebel, step, twins
from trueup.core import UsageError
from trueup.error import DistanceTaper, EnsembleFilter, LaggedSmoother, Observations


@pytest.mark.parametrize("update", ["square_root", "serial"])
@pytest.mark.parametrize("lag", [1, 3, 12, 30])
def test_a_linear_model_is_smoothed_as_by_rauch_tung_and_striebel(update, lag):
    M, H, R, E, ys = linear()
    made = EnsembleFilter(update=update, rotate=True, smoother=LaggedSmoother(lag)).run(
        lambda x, dt: x @ M.T, E, observations=Observations(ys, R, H), dt=1.0
    )
    forecasts, analyses = kalman_filter(E.mean(0), np.cov(E.T), M, H, R, ys)
    for k in range(12):
        last = min(k + lag, 11) + 1
        mean, P = rauch_tung_striebel(forecasts[:last], analyses[:last], M)[k]
        assert made.smoothed[k] == pytest.approx(mean, abs=1e-7)
        assert made.smoothed_spread[k] == pytest.approx(np.sqrt(np.trace(P) / 4), rel=1e-6)
    assert made.analysis == pytest.approx(np.array([m for m, _ in analyses]), abs=1e-8)


NEAR = DistanceTaper(4, period=40)


@pytest.mark.parametrize(
    ("update", "localisation"),
    [("deterministic", None), ("square_root", NEAR), ("serial", NEAR), ("perturbed", NEAR)],
)
def test_later_observations_help_with_lorenz_96(update, localisation):
    inflation = 1.06
    E, truth, y = twins(4, 120, 20, seed=2)
    settings = EnsembleFilter(
        update, inflation, localisation=localisation, smoother=LaggedSmoother(5)
    )
    same = {"observations": Observations(y, 1.0, batched=True), "dt": 0.05}
    made = settings.run(step, E, **same)
    filtered = made.rmse(truth, burn_in=40).value
    assert made.rmse(truth, of="smoothed", burn_in=40).value < 0.93 * filtered < 0.3
    plain = EnsembleFilter(update, inflation, localisation=localisation).run(step, E, **same)
    assert np.array_equal(made.analysis, plain.analysis) and plain.smoothed is None


def test_lag_is_a_count():
    with pytest.raises(UsageError, match="lag is 0"):
        LaggedSmoother(0)
