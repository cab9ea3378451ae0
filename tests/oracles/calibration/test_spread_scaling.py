"""Oracles: brute force, a linear program, closed forms, and molecules with stated errors."""

import duckdb
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import linprog, minimize, minimize_scalar
from scipy.special import ndtr

from corrections import score_of_rows
from shared_data import shared
from trueup.calibration import SpreadScaling
from trueup.calibration.distributions.newton import least
from trueup.calibration.distributions.spread_scaling import crps_of
from trueup.core import Ensemble, Evidence, FitError, Intervals, Normal, Quantiles
from trueup.worlds import forecasts


def weighted(kind: str, *, rows: int = 300, seed: int = 0, **told) -> Evidence:
    """Rows of unlike weights."""
    e = forecasts(kind, rows=rows, members=6, seed=seed, **told).evidence
    weight = np.random.default_rng(seed).exponential(size=rows)
    return Evidence(e.prediction, e.truth, weight=weight)


def numbers(e: Evidence, **settings) -> dict:
    return SpreadScaling(**settings).fit(e).map.parameters


def stretched(e: Evidence, factor: float, shift: float):
    """The forecast with its middle shifted by ``shift`` and its spread times ``factor``."""
    said = e.prediction
    if isinstance(said, Normal):
        return Normal(said.mean + shift, said.sd * factor)
    if isinstance(said, Intervals):
        middle = (said.low + said.high) / 2
        ends = (middle + shift + factor * (end - middle) for end in (said.low, said.high))
        return Intervals(*ends, said.level)
    values = said.members if isinstance(said, Ensemble) else said.values
    middle = values.mean(axis=1) if isinstance(said, Ensemble) else values[:, 11]
    moved = (middle + shift)[:, None] + factor * (values - middle[:, None])
    return Ensemble(moved) if isinstance(said, Ensemble) else Quantiles(said.levels, moved)


def loss_at(e: Evidence, factor: float, shift: float = 0.0) -> float:
    return float(np.average(score_of_rows(stretched(e, factor, shift), e.truth), weights=e.weight))


@pytest.mark.parametrize("kind", SpreadScaling.kinds)
@pytest.mark.parametrize("spread", [0.3, 1.0, 2.5])
def test_the_factor_equals_a_search_by_brute_force(kind, spread):
    e = weighted(kind, spread=spread, bias=0.2, seed=1)
    best = minimize_scalar(lambda f: loss_at(e, f), bounds=(0.05, 15), options={"xatol": 1e-10})
    found = numbers(e)["factor"]
    assert loss_at(e, found) <= best.fun + 1e-12
    assert found == pytest.approx(best.x, rel=1e-5 if kind == "normal" else 0.02)


@pytest.mark.parametrize("kind", SpreadScaling.kinds)
def test_factor_and_shift_equal_a_search_by_brute_force(kind):
    e = weighted(kind, spread=0.4, bias=0.6, seed=2)
    found = numbers(e, shift="constant")
    best = min(
        (minimize(lambda x: loss_at(e, max(x[0], 0.01), x[1]), start, method="Nelder-Mead",
                  options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2_000})
         for start in ([1.0, 0.0], [2.5, -0.6])), key=lambda made: made.fun)  # fmt: skip
    assert loss_at(e, found["factor"], found["shift"]) <= best.fun + 1e-11


def test_the_pinball_loss_with_a_shift_is_that_of_a_linear_program():
    e = weighted("quantiles", spread=0.4, bias=0.6, rows=60, seed=3)
    values, levels = e.prediction.values, e.prediction.levels
    middle = values[:, 11]
    apart, gap = (values - middle[:, None]).ravel(), np.repeat(e.truth - middle, 23)
    tau, mass = np.tile(levels, 60), np.repeat(e.weight / e.weight.sum(), 23) * 2 / 23
    n = len(gap)
    done = linprog(
        np.r_[np.zeros(2), mass * tau, mass * (1 - tau)],
        A_eq=np.hstack([np.ones((n, 1)), apart[:, None], np.eye(n), -np.eye(n)]), b_eq=gap,
        bounds=[(None, None), (0, None), *[(0, None)] * (2 * n)],
    )  # fmt: skip
    found = numbers(e, shift="constant")
    assert loss_at(e, found["factor"], found["shift"]) == pytest.approx(done.fun, abs=1e-9)


@pytest.mark.parametrize("shift", ["none", "constant", "spread"])
def test_the_log_score_has_a_closed_form(shift):
    e = weighted("normal", spread=0.5, bias=0.4, seed=4)
    mean, sd = e.prediction.mean, e.prediction.sd
    unit = {"none": 0 * sd, "constant": 1 + 0 * sd, "spread": sd}[shift]

    def loss(x):
        u = (e.truth - mean - x[0] * unit) / (np.exp(x[1]) * sd)
        return np.average(x[1] + u**2 / 2, weights=e.weight)

    best = minimize(loss, [0.0, 0.0], method="BFGS", options={"gtol": 1e-10}).x
    found = list(numbers(e, shift=shift, loss="log_score").values())
    assert found[0] == pytest.approx(np.exp(best[1]), rel=1e-6)
    if shift != "none":
        assert found[1] == pytest.approx(best[0], abs=1e-6)


def test_the_crps_and_its_derivatives():
    """Against the integral that defines the score, and against differences."""
    e = weighted("normal", rows=20, seed=5)
    mean, sd, unit = e.prediction.mean, e.prediction.sd, np.linspace(0.2, 2, 20)
    w = e.weight / e.weight.sum()
    loss, x = crps_of(e.truth - mean, sd, unit, w), np.array([0.3, np.log(1.7)])
    by_hand = 0.0
    for m, s, u, y, mass in zip(mean, sd, unit, e.truth, w, strict=True):
        law = lambda v, m=m + 0.3 * u, s=1.7 * s: ndtr((v - m) / s)  # noqa: E731
        below = quad(lambda v, law=law: law(v) ** 2, y - 60, y, limit=400, points=[m])[0]
        above = quad(lambda v, law=law: (1 - law(v)) ** 2, y, y + 60, limit=400, points=[m])[0]
        by_hand += mass * (below + above)
    value, slope, bend = loss(x)
    assert value == pytest.approx(by_hand, abs=1e-6)
    for j, step in enumerate(1e-5 * np.eye(2)):
        ahead, behind = loss(x + step), loss(x - step)
        assert slope[j] == pytest.approx((ahead[0] - behind[0]) / 2e-5, abs=1e-8)
        assert bend[j] == pytest.approx((ahead[1] - behind[1]) / 2e-5, abs=1e-8)


def test_perfect_members_are_left_alone_by_either_loss():
    """The factor that either loss likes best is 1, though 8 members tell their spread badly."""
    for loss in ("crps", "log_score"):
        e = forecasts("ensemble", rows=60_000, members=8, seed=6).evidence
        assert numbers(e, loss=loss)["factor"] == pytest.approx(1.0, abs=0.015)


def test_the_search_leaves_a_place_where_the_function_bends_down():
    def well(x):
        return -np.exp(-(x[0] ** 2)), np.array([2 * x[0] * np.exp(-(x[0] ** 2))]), np.array(
            [[(2 - 4 * x[0] ** 2) * np.exp(-(x[0] ** 2))]])  # fmt: skip

    found, arrived = least(well, np.array([1.5]), tolerance=1e-14)
    assert arrived and abs(found[0]) < 1e-6


def test_bounds_and_errors():
    e = Evidence(Normal([0.0, 1.0], [1.0, 1.0]), [0.0, 1.0])
    fitted = SpreadScaling(largest=100.0).fit(e)
    assert not fitted.converged and fitted.map.parameters["factor"] == pytest.approx(0.01)
    with pytest.raises(FitError, match=r"SpreadScaling: shift is 'up'. Use one of none, constant"):
        SpreadScaling(shift="up")
    with pytest.raises(FitError, match=r"loss is 'brier'"):
        SpreadScaling(loss="brier")
    few = forecasts("ensemble", members=3, rows=20).evidence
    with pytest.raises(FitError, match=r"3 members do not tell a variance .*Pass loss=\"crps\""):
        SpreadScaling(loss="log_score").fit(few)
    outer = Evidence(Quantiles([0.9, 0.95], [[1.0, 2.0]]), [1.0])
    with pytest.raises(FitError, match=r"no median: the levels go from 0.9 to 0.95"):
        SpreadScaling().fit(outer)


def test_members_that_agree_do_not_count_for_the_log_score():
    e = forecasts("ensemble", members=8, rows=400, spread=0.5).evidence
    alike = np.vstack([e.prediction.members, np.zeros((50, 8))])
    both = Evidence(Ensemble(alike), np.r_[e.truth, np.ones(50)])
    one, two = (numbers(made, loss="log_score")["factor"] for made in (e, both))
    assert one == pytest.approx(two, rel=1e-12)


def test_molecules_state_twice_their_error():
    """Atomisation energies of QM9: fitted on 10,000 molecules, judged on 13,885 others."""
    learn, new = (
        duckdb.sql(
            "SELECT observed, prediction, sqrt(uncertainty_total) AS sd FROM "
            f"'{shared('regression_uq', 'qm9_energy', name)}'"
        ).fetchnumpy()
        for name in ("validation.parquet", "test.parquet")
    )
    said = Normal(new["prediction"], new["sd"])
    z = (new["observed"] - said.mean) / said.sd
    assert np.sqrt(np.mean(z**2)) == pytest.approx(0.5689, abs=1e-4)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.9915, abs=1e-4)
    e = Evidence(Normal(learn["prediction"], learn["sd"]), learn["observed"])
    after = SpreadScaling(loss="log_score").fit(e).apply(said)
    z = (new["observed"] - after.mean) / after.sd
    assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, abs=0.03)
    by_crps = SpreadScaling().fit(e).apply(said)
    fall = score_of_rows(by_crps, new["observed"]) - score_of_rows(said, new["observed"])
    assert fall.mean() + 3.7 * fall.std() / np.sqrt(len(fall)) < 0
    assert np.mean(np.abs((new["observed"] - by_crps.mean) / by_crps.sd) < 1.96) > 0.85
