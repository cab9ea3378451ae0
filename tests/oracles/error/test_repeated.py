"""Oracles: Kalman where the problem is linear, quadrature where it is not."""

import numpy as np
import pytest

from lorenz import kalman, kalman_filter, linear, rauch_tung_striebel
from trueup.core import UsageError
from trueup.error import DistanceTaper, EnsembleFilter, MultipleAssimilation, Observations


def stay(x, dt):
    """A model in which nothing happens."""
    return x


@pytest.mark.parametrize("update", ["square_root", "serial"])
@pytest.mark.parametrize("times", [1, 4, 9])
def test_steps_of_a_linear_problem_are_one_update(update, times):
    _, H, R, E, ys = linear()
    settings = EnsembleFilter(update, smoother=MultipleAssimilation(times))
    made = settings.run(stay, E, observations=Observations(ys[:1], R, H), dt=1.0)
    mean, P = kalman(E.mean(0), np.cov(E.T), H, R, ys[0])
    assert made.analysis[0] == pytest.approx(mean) and np.cov(made.ensemble.T) == pytest.approx(P)


@pytest.mark.parametrize("lag", [1, 4])
def test_windows_of_a_linear_model_are_smoothed_exactly(lag):
    M, H, R, E, ys = linear()
    made = EnsembleFilter(smoother=MultipleAssimilation(3, lag)).run(
        lambda x, dt: x @ M.T, E, observations=Observations(ys, R, H), dt=1.0
    )
    forecasts, analyses = kalman_filter(E.mean(0), np.cov(E.T), M, H, R, ys)
    assert made.analysis == pytest.approx(np.array([m for m, _ in analyses]), abs=1e-7)
    mean, _ = rauch_tung_striebel(forecasts[: 5 + lag], analyses[: 5 + lag], M)[4]
    assert made.smoothed[4] == pytest.approx(mean, abs=1e-7)


def test_a_bent_observation_is_followed_better_in_more_steps():
    """The posterior of a number seen through its exponential, by quadrature."""
    grid = np.linspace(-3, 3, 20_001)
    law = np.exp(-(grid**2) / 2 - 0.5 * ((2.0 - np.exp(grid)) / 0.2) ** 2)
    mean = (grid * law).sum() / law.sum()
    sd = np.sqrt(((grid - mean) ** 2 * law).sum() / law.sum())
    E = np.random.default_rng(0).normal(size=(4_000, 1))
    off = {}
    for times in (1, 4, 16):
        settings = EnsembleFilter("perturbed", smoother=MultipleAssimilation(times))
        made = settings.run(stay, E, observations=Observations([[2.0]], 0.2, np.exp), dt=1.0)
        off[times] = abs(made.analysis[0, 0] - mean), abs(made.spread[0] - sd)
    assert off[16][0] < off[4][0] < off[1][0] and off[16][1] < off[1][1]
    assert off[16][0] < 0.5 * sd


def test_steps_take_a_localisation():
    rng = np.random.default_rng(0)
    E, y = rng.normal(size=(30, 10)), rng.normal(size=(1, 10))
    taper = DistanceTaper(1e6)
    made, plain = (
        EnsembleFilter("deterministic", localisation=where, smoother=MultipleAssimilation()).run(
            stay, E, observations=Observations(y, 1.0), dt=1.0
        )
        for where in (taper, None)
    )
    assert made.ensemble == pytest.approx(plain.ensemble)


def test_counts_are_counts():
    with pytest.raises(UsageError, match="times is 0"):
        MultipleAssimilation(0)
