"""Oracles: properties of the polynomial, brute-force neighbours, slow loops over points."""

import numpy as np
import pytest

from lorenz import step, twins
from trueup.core import UsageError
from trueup.error import DistanceTaper, EnsembleFilter, Observations
from trueup.error.assimilation.distance_taper import gaspari_cohn


ROWS = ["square_root", "serial", "deterministic", "perturbed"]
HALF = (10 / 3) ** 0.5


def stay(x, dt):
    """A model in which nothing happens."""
    return x


def once(E, y, **settings):
    """The analysis of one observation of the whole state."""
    run = EnsembleFilter(**settings).run
    return run(stay, E, observations=Observations(y[None], 0.7), dt=1.0)


def test_the_polynomial_is_smooth_and_a_bell():
    z = np.linspace(0, 2.5, 2_001)
    made = gaspari_cohn(z * HALF, 1.0)
    assert gaspari_cohn(np.array([0.0, HALF, 2 * HALF]), 1.0) == pytest.approx([1, 5 / 24, 0])
    assert (np.diff(made) <= 1e-15).all() and (made[z >= 2] == 0).all()
    assert np.abs(np.diff(made, 3)).max() < 2e-8  # three derivatives without a jump
    near = np.array([0.01, 0.02])
    assert 1 - gaspari_cohn(near, 1.0) == pytest.approx(near**2 / 2, rel=0.02)
    on_line = gaspari_cohn(np.abs(np.subtract.outer(np.arange(60), np.arange(60))), 4.0)
    assert np.linalg.eigvalsh(on_line).min() > -1e-12  # a covariance


def test_it_is_the_convolution_of_two_hats_in_space():
    """Monte Carlo: overlap of hats of half-width 1/2 at distance z, over that at distance 0."""
    rng = np.random.default_rng(0)
    x = rng.uniform([-0.5, -0.5, -0.5], 0.5, (200_000, 3))

    def hat(place):
        return np.maximum(1 - 2 * np.sqrt((place**2).sum(1)), 0)

    for z in (0.3, 0.8, 1.4):
        shifted = hat(x - [z / 2, 0, 0])
        assert (hat(x) * shifted).mean() / (hat(x) ** 2).mean() == pytest.approx(
            gaspari_cohn(np.array([z * HALF]), 1.0)[0], abs=0.01
        )


def test_neighbours_are_those_of_a_brute_force_search():
    rng = np.random.default_rng(0)
    places, seen = rng.uniform(-3, 9, (50, 2)), rng.uniform(0, 10, (30, 2))
    for period in (None, 10.0, (10.0, 0.0)):
        box = np.broadcast_to(np.asarray(period or 0.0), 2)
        apart = np.abs(places[:, None] - seen)
        for axis in range(2):
            if box[axis]:
                apart[..., axis] %= box[axis]
                apart[..., axis] = np.minimum(apart[..., axis], box[axis] - apart[..., axis])
        want = gaspari_cohn(np.sqrt((apart**2).sum(-1)), 0.9)
        bound = DistanceTaper(0.9, places, seen, period).meet((50,), None)
        near = bound.near(None, None)
        made = np.zeros((len(bound.places), 30))
        np.put_along_axis(made, near.index, near.weight, axis=1)
        assert near.index.shape[1] < 30
        order = np.arange(50) if near.point is None else near.point
        same = {tuple(p): row for p, row in zip(bound.places, made, strict=True)}
        assert np.array([same[tuple(p)] for p in places]) == pytest.approx(want, abs=1e-12)
        assert bound.state(None, None)[np.argsort(order)].shape == (50, 30)


def test_the_state_keeps_its_order():
    """Places in any order, two numbers at each: local weights go to where they belong."""
    rng = np.random.default_rng(1)
    places = rng.permutation(np.repeat(np.arange(12.0), 2))
    E, y = rng.normal(size=(6, 24)), rng.normal(size=24)
    order = np.argsort(places, kind="stable")
    for update in ROWS[:3]:
        one = once(E, y, update=update, localisation=DistanceTaper(1.0, places))
        two = EnsembleFilter(
            update=update, localisation=DistanceTaper(1.0, places[order], places)
        ).run(
            stay,
            E[:, order],
            observations=Observations(y[None], 0.7, np.eye(24)[:, order]),
            dt=1.0,
        )
        assert one.ensemble[:, order] == pytest.approx(two.ensemble)


@pytest.mark.parametrize("update", ROWS)
def test_without_end_it_is_no_localisation(update):
    rng = np.random.default_rng(2)
    E, y = rng.normal(size=(6, 15)), rng.normal(size=15)
    wide = once(E, y, update=update, localisation=DistanceTaper(1e7))
    assert wide.ensemble == pytest.approx(once(E, y, update=update).ensemble, abs=1e-9)


def test_local_analyses_are_those_of_a_loop_over_points():
    rng = np.random.default_rng(3)
    E, y = rng.normal(size=(5, 30)), rng.normal(size=30)
    made = once(E, y, localisation=DistanceTaper(2.0, period=30)).ensemble
    mean, A = E.mean(0), E - E.mean(0)
    for i in range(30):
        apart = np.abs(np.arange(30) - i)
        weight = gaspari_cohn(np.minimum(apart, 30 - apart), 2.0)
        information = weight / 0.7**2
        Q = np.linalg.inv(4 * np.eye(5) + (A * information) @ A.T)
        values, V = np.linalg.eigh(4 * Q)
        w = Q @ (A * information) @ (y - mean)
        root = V @ np.diag(np.sqrt(values)) @ V.T
        want = mean[i] + (w[:, None] + root).T @ A[:, i]
        assert made[:, i] == pytest.approx(want, abs=1e-9)


def test_tapered_gain_is_that_of_matrices():
    rng = np.random.default_rng(4)
    E, y = rng.normal(size=(5, 20)), rng.normal(size=20)
    made = once(E, y, update="deterministic", localisation=DistanceTaper(2.0)).ensemble
    taper = gaspari_cohn(np.abs(np.subtract.outer(np.arange(20), np.arange(20))), 2.0)
    P = taper * np.cov(E.T)
    K = P @ np.linalg.inv(P + 0.7**2 * np.eye(20))
    A = E - E.mean(0)
    want = E.mean(0) + K @ (y - E.mean(0)) + A - A @ K.T / 2
    assert made == pytest.approx(want, abs=1e-9)


def test_serial_with_a_taper_is_that_of_a_loop():
    rng = np.random.default_rng(5)
    E, y = rng.normal(size=(5, 12)), rng.normal(size=12)
    made = once(E, y, update="serial", localisation=DistanceTaper(2.0)).ensemble
    taper = gaspari_cohn(np.abs(np.subtract.outer(np.arange(12), np.arange(12))), 2.0)
    mean, A = E.mean(0), E - E.mean(0)
    for j in range(12):
        variance = A[:, j] @ A[:, j] / 4
        K = taper[j] * (A.T @ A[:, j] / 4) / (variance + 0.49)
        mean, seen = mean + K * (y[j] - mean[j]), A[:, j].copy()
        A = A - np.outer(seen, K) / (1 + np.sqrt(0.49 / (variance + 0.49)))
    assert made == pytest.approx(mean + A, abs=1e-9)


ROWS_OF_DAPPER = [
    ({"inflation": 1.04, "rotate": True}, 4, 0.22),
    ({"update": "serial", "inflation": 1.07, "rotate": True}, 6, 0.23),
]


@pytest.mark.parametrize(("settings", "radius", "expected"), ROWS_OF_DAPPER)
def test_seven_members_follow_lorenz_96(settings, radius, expected):
    """Expected by DAPPER's ``sakov2008.py``; mean of 20 x 150 errors, standard error .003."""
    E, truth, y = twins(20, 300, 7, seed=1)
    settings = EnsembleFilter(localisation=DistanceTaper(radius, period=40), **settings)
    made = settings.run(step, E, observations=Observations(y, 1.0, batched=True), dt=0.05)
    assert made.rmse(truth, burn_in=150).value == pytest.approx(expected, abs=0.005 + 3 * 0.003)


def test_what_has_no_place_is_refused():
    E, y = np.random.default_rng(0).normal(size=(5, 6)), np.zeros(2)
    for taper, words in [
        (DistanceTaper(1.0), "observed is None"),
        (DistanceTaper(1.0, np.arange(5), [0, 1]), "one place for each of 6"),
        (DistanceTaper(1.0, np.zeros((6, 2)), [0, 1]), "2 dimension"),
    ]:
        with pytest.raises(UsageError, match=words):
            EnsembleFilter(localisation=taper).run(
                stay, E, observations=Observations(y[None], 1.0, lambda x: x[:, :2]), dt=1.0
            )
    with pytest.raises(UsageError, match="radius is 0"):
        DistanceTaper(0)
