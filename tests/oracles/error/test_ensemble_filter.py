"""Oracles: Kalman's filter and smoother in matrices, and errors that other software reports."""

import re

import numpy as np
import pytest

from lorenz import kalman, kalman_filter, step, twins
from trueup.core import EvidenceError, UsageError
from trueup.error import (
    DistanceTaper,
    EnsembleFilter,
    FiniteSizeInflation,
    IterativeSmoother,
    Observations,
)


EXACT = ["square_root", "serial"]


def stay(x, dt):
    """A model in which nothing happens."""
    return x


def problem(members=12, size=6, seen=4, seed=0, correlated=False):
    """Ensemble (n, m), operator (p, m), covariance (p, p) and an observation (p,)."""
    rng = np.random.default_rng(seed)
    E = rng.normal(size=(members, size)) @ rng.normal(size=(size, size))
    H = rng.normal(size=(seen, size))
    R = np.diag(rng.uniform(0.5, 2, seen))
    if correlated:
        root = rng.normal(size=(seen, seen))
        R = root @ root.T + 0.1 * np.eye(seen)
    return E, H, R, rng.normal(size=seen)


def once(E, H, error, y, **settings):
    """The analysis of one observation."""
    run = EnsembleFilter(**settings).run
    return run(stay, E, observations=Observations(y[None], error, H), dt=1.0)


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize(("members", "seen"), [(12, 4), (5, 4), (5, 9), (30, 2)])
@pytest.mark.parametrize("update", EXACT)
def test_square_roots_have_the_mean_and_the_covariance_of_kalman(update, members, seen, correlated):
    E, H, R, y = problem(members, 6, seen, correlated=correlated)
    made = once(E, H, R, y, update=update, rotate=True)
    mean, P = kalman(E.mean(0), np.cov(E.T), H, R, y)
    assert made.analysis[0] == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert np.cov(made.ensemble.T) == pytest.approx(P, rel=1e-9, abs=1e-9)
    assert made.ensemble.mean(0) == pytest.approx(mean, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("members", "seen"), [(12, 4), (5, 9)])
def test_deterministic_update_takes_half_the_gain_for_anomalies(members, seen):
    E, H, R, y = problem(members, 6, seen, correlated=True)
    P = np.cov(E.T)
    K = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
    A = E - E.mean(0)
    want = E.mean(0) + K @ (y - H @ E.mean(0)) + A - A @ H.T @ K.T / 2
    made = once(E, H, R, y, update="deterministic").ensemble
    assert made == pytest.approx(want, rel=1e-9, abs=1e-9)


def test_perturbed_observations_have_the_covariance_of_kalman_on_average():
    E, H, R, y = problem(40_000, 3, 2)
    made = once(E, H, R, y, update="perturbed")
    mean, P = kalman(E.mean(0), np.cov(E.T), H, R, y)
    assert made.analysis[0] == pytest.approx(mean, rel=1e-9)
    # A covariance of n normal draws has standard error sqrt((P_ij^2 + P_ii P_jj) / n).
    error = np.sqrt((P**2 + np.outer(np.diag(P), np.diag(P))) / 40_000)
    assert (np.abs(np.cov(made.ensemble.T) - P) < 5 * error).all()


def test_the_first_serial_observation_moves_members_as_in_the_textbook():
    E = np.array([[0.0], [1.0], [2.0]])
    made = once(E, np.eye(1), 1.0, np.array([3.0]), update="serial")
    # Variance 1, error 1: gain 1/2, mean 1 -> 2, spread by sqrt(1/2).
    assert made.ensemble[:, 0] == pytest.approx([2 - 0.5**0.5, 2, 2 + 0.5**0.5])


@pytest.mark.parametrize("update", ["square_root", "serial", "deterministic"])
@pytest.mark.parametrize("correlated", [False, True])
def test_what_is_missing_is_as_if_never_asked_for(update, correlated):
    E, H, R, y = problem(correlated=correlated)
    gap = np.where([True, False, False, True], np.nan, y)
    one = once(E, H, R, gap, update=update)
    two = once(E, H[1:3], R[1:3, 1:3], y[1:3], update=update)
    assert one.analysis == pytest.approx(two.analysis)
    assert np.cov(one.ensemble.T) == pytest.approx(np.cov(two.ensemble.T))
    assert np.isnan(one.innovations[0, [0, 3]]).all()
    nothing = once(E, H, R, np.full(4, np.nan), update=update)
    assert nothing.ensemble == pytest.approx(E) and np.isnan(nothing.consistency.value)


def test_every_form_of_operator_and_error_says_the_same():
    E, _, _, y = problem(size=5)
    index = np.array([0, 2, 3, 4])
    mask = np.isin(np.arange(5), index)
    forms = [index, index.tolist(), mask, np.eye(5)[index], lambda x: x[:, index]]
    made = [once(E, form, error, y) for form in forms for error in (0.5, np.full(4, 0.5))]
    made += [once(E, index, 0.25 * np.eye(4), y)]
    assert all(np.allclose(m.ensemble, made[0].ensemble) for m in made)
    grid = once(E[:, :4].reshape(12, 2, 2), None, 0.5, y)
    flat = once(E[:, :4], None, 0.5, y)
    assert grid.analysis.shape == (1, 2, 2) and np.allclose(grid.analysis.ravel(), flat.analysis)


@pytest.mark.parametrize("update", EXACT)
def test_a_linear_model_is_filtered_as_by_kalman(update):
    E, H, R, _ = problem(members=9, size=5, seen=3)
    rng = np.random.default_rng(1)
    M = np.linalg.qr(rng.normal(size=(5, 5)))[0] * 1.02
    ys = rng.normal(size=(20, 3))
    made = EnsembleFilter(update=update, rotate=True).run(
        lambda x, dt: x @ M.T, E, observations=Observations(ys, R, H), dt=1.0
    )
    forecasts, analyses = kalman_filter(E.mean(0), np.cov(E.T), M, H, R, ys)
    assert made.analysis == pytest.approx(np.array([m for m, _ in analyses]), abs=1e-8)
    assert made.forecast == pytest.approx(np.array([m for m, _ in forecasts]), abs=1e-8)
    spread = [np.sqrt(np.trace(P) / 5) for _, P in analyses]
    assert made.spread == pytest.approx(spread, rel=1e-7)


def test_inflation_relaxation_and_rotation_do_what_they_say():
    E, H, R, y = problem()
    plain = once(E, H, R, y)
    before, after = E.std(0, ddof=1), plain.ensemble.std(0, ddof=1)
    assert once(E, H, R, y, inflation=1.1).ensemble.std(0, ddof=1) == pytest.approx(1.1 * after)
    half = once(E, H, R, y, relaxation=0.5).ensemble.std(0, ddof=1)
    assert half == pytest.approx((before + after) / 2)
    turned = once(E, H, R, y, rotate=True).ensemble
    assert not np.allclose(turned, plain.ensemble)
    assert turned.mean(0) == pytest.approx(plain.ensemble.mean(0))
    assert np.cov(turned.T) == pytest.approx(np.cov(plain.ensemble.T))


def test_experiments_together_are_experiments_one_by_one():
    E, _, y = twins(3, 30, 12)
    y[4, 1, 3:9] = np.nan
    settings = EnsembleFilter(inflation=1.05, localisation=DistanceTaper(4, period=40))
    both = settings.run(step, E, observations=Observations(y, 1.0, batched=True), dt=0.05)
    for e in range(3):
        one = settings.run(step, E[e], observations=Observations(y[:, e], 1.0), dt=0.05)
        assert both.analysis[:, e] == pytest.approx(one.analysis, abs=1e-6)
        assert both.spread[:, e] == pytest.approx(one.spread, abs=1e-6)


TABLE = [
    ("perturbed 40", 40, {"update": "perturbed", "inflation": 1.06}, 0.22),
    ("deterministic 40", 40, {"update": "deterministic", "inflation": 1.01}, 0.18),
    ("perturbed 28", 28, {"update": "perturbed", "inflation": 1.08}, 0.24),
    ("square root 24", 24, {"inflation": 1.013, "rotate": True}, 0.18),
    ("serial 28", 28, {"update": "serial", "inflation": 1.02, "rotate": True}, 0.18),
]
"""Rows of DAPPER's ``mods/Lorenz96/sakov2008.py`` and the RMSE that it expects, two digits."""


@pytest.mark.parametrize(("members", "settings", "expected"), [r[1:] for r in TABLE])
def test_lorenz_96_is_followed_as_closely_as_expected(members, settings, expected):
    """Mean of 32 x 150 dependent errors: a standard error of .003, beside .005 of rounding."""
    E, truth, y = twins(32, 300, members, seed=1)
    made = EnsembleFilter(**settings).run(
        step, E, observations=Observations(y, 1.0, batched=True), dt=0.05
    )
    assert made.rmse(truth, burn_in=150).value == pytest.approx(expected, abs=0.005 + 3 * 0.003)
    assert made.findings == () and made.consistency.value == pytest.approx(1, abs=0.02)


def test_inconsistent_errors_are_named():
    E, truth, y = twins(1, 150, 24)
    run = EnsembleFilter(inflation=1.02, rotate=True).run
    seen = truth[:, 0] + 5 * (y - truth)[:, 0]
    wrong = run(step, E[0], observations=Observations(seen, 1.0), dt=0.05)
    with pytest.raises(EvidenceError, match=r"times as far from the forecast as their stated"):
        wrong.check()
    said = float(re.search(r"about ([\d.]+), or less", str(wrong.findings[0]))[1])
    assert 5 < said < 10
    right = run(step, E[0], observations=Observations(seen, 5.0), dt=0.05)
    assert right.check() is right
    late = run(step, E[0], observations=Observations(y[:, 0], 10.0), dt=0.05)
    assert "the stated error, or the spread, is too large" in str(late.findings[0])


def test_a_collapsed_ensemble_is_named():
    E, _, y = twins(1, 200, 6)
    made = EnsembleFilter().run(step, E[0], observations=Observations(y[:, 0], 1.0), dt=0.05)
    assert "sure of a state that is not the truth" in str(made.findings[0])
    assert "Raise inflation" in str(made.findings[0])


def test_members_that_fail_are_left_out_and_named():
    def fragile(x, dt):
        return np.where(x > 3, np.nan, x)

    E = np.array([[0.0], [4.0], [1.0], [2.0], [0.5]])
    run = EnsembleFilter(inflation=1.0).run
    made = run(fragile, E, observations=Observations([[1.0], [1.0]], 1.0), dt=1.0)
    assert made.lost == ((0, 1),) and made.ensemble.shape == (4, 1)
    rest = run(stay, E[[0, 2, 3, 4]], observations=Observations([[1.0], [1.0]], 1.0), dt=1.0)
    assert made.ensemble == pytest.approx(rest.ensemble)
    worse = np.array([[0.0], [4.0], [9.0], [9.0], [0.5]])
    with pytest.raises(EvidenceError, match=r"2 finite members are left at time 0; members \[1,"):
        run(fragile, worse, observations=Observations([[1.0]], 1.0), dt=1.0)


def test_a_simulator_is_taken_for_its_step():
    class Model:
        def step(self, x, dt):
            return step(x, dt)

    E, _, y = twins(1, 5, 10)
    same = {"observations": Observations(y[:, 0], 1.0), "dt": 0.05}
    made, plain = (EnsembleFilter().run(model, E[0], **same) for model in (Model(), step))
    assert np.array_equal(made.analysis, plain.analysis)


def test_steps_between_observations_are_counted():
    E, _, y = twins(1, 3, 10, every=4)
    made = EnsembleFilter().run(
        step, E[0], observations=Observations(y[:, 0], 1.0, every=4), dt=0.05
    )
    first = E[0]
    for _ in range(4):
        first = step(first, 0.05)
    assert made.forecast[0] == pytest.approx(first.mean(0))


def test_members_run_on_the_workers_of_a_client():
    distributed = pytest.importorskip("distributed")
    E, _, y = twins(1, 5, 10)
    run = EnsembleFilter().run
    same = {"observations": Observations(y[:, 0], 1.0), "dt": 0.05}
    with distributed.Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as client:
        made = run(step, E[0], client=client, **same)
    assert made.analysis == pytest.approx(run(step, E[0], **same).analysis)


BAD = [
    ({"ensemble": np.zeros((2, 3))}, r"the ensemble has shape \(2, 3\)"),
    ({"ensemble": np.zeros((5, 3))}, r"all 5 members are equal at the start"),
    ({"ensemble": np.r_[np.eye(3), [[np.nan, 0, 0]]]}, r"members \[3\] are not finite"),
    ({"values": np.zeros((4, 2))}, r"gives 3 values, observations have 2 a time"),
    ({"values": np.full((4, 3), np.inf)}, r"hold infinite values"),
    ({"values": np.zeros((0, 3))}, r"observations have shape \(0, 3\)"),
    ({"operator": np.zeros((3, 5))}, r"a matrix \(3, 5\), the state has 3"),
    ({"operator": [0, 1, 7]}, r"takes number 7 of a state of 3"),
    ({"operator": lambda x: x[:, :2]}, r"the operator gives \(6, 2\) for 6 members"),
    ({"operator": [0.5, 1.0]}, r"operator is an array \(2,\) of float64"),
    ({"error": 0.0}, r"standard deviations are above 0"),
    ({"error": np.ones(2)}, r"error has shape \(2,\), with 3 observations"),
    ({"error": -np.eye(3)}, r"not symmetric and positive definite"),
    ({"step": lambda x, dt: x[:, :2]}, r"step made states \(6, 2\) of \(6, 3\)"),
]


@pytest.mark.parametrize(("wrong", "words"), BAD)
def test_misuse_says_what_is_wrong(wrong, words):
    rng = np.random.default_rng(0)
    call = {"step": stay, "ensemble": rng.normal(size=(6, 3))}
    seen = {"values": np.zeros((4, 3)), "error": 1.0}
    seen |= {name: value for name, value in wrong.items() if name not in call}
    call |= {name: value for name, value in wrong.items() if name in call}
    with pytest.raises((EvidenceError, UsageError), match=words):
        EnsembleFilter().run(**call, observations=Observations(**seen), dt=1.0)


SETTINGS = [
    ({"update": "etkf"}, r"update is 'etkf'"),
    ({"inflation": 0.0}, r"inflation is 0.0"),
    ({"relaxation": 2.0}, r"relaxation 2.0"),
    ({"localisation": 4}, r"localisation is 4"),
    ({"smoother": 5}, r"smoother is 5"),
    ({"smoother": IterativeSmoother(), "update": "serial"}, r"goes with update 'square_root'"),
    (
        {"smoother": IterativeSmoother(), "inflation": FiniteSizeInflation()},
        r"a number for inflation",
    ),
]


@pytest.mark.parametrize(("wrong", "words"), SETTINGS)
def test_settings_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(UsageError, match=words):
        EnsembleFilter(**wrong)


def test_correlated_errors_and_a_localisation_are_refused():
    E, _, R, y = problem(size=4, correlated=True)
    with pytest.raises(UsageError, match="errors of observations are correlated"):
        once(E, None, R, y, localisation=DistanceTaper(1))
