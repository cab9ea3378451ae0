"""What DARE divides by: against a search, simulated drops, and the bound that it rests on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from trueup.core.errors import EvidenceError, UsageError
from trueup.parameters import DARE, merge, rescaling, rescaling_by_change
from trueup.parameters.merging.rescaling import phi


def layer(seed: int, *, mean: float = 0.1):
    """A base, a model, and inputs of its one layer."""
    rng = np.random.default_rng(seed)
    base = {"w": rng.normal(size=(6, 80))}
    tuned = {"w": base["w"] + rng.normal(mean, 1, size=(6, 80))}
    return base, tuned, 0.5 + rng.normal(size=(40, 80))


def changed(base, tuned, rows, q: float, *, rate: float, seed: int) -> np.ndarray:
    """How much outputs differ after a drop."""
    made = merge([tuned], base=base, method=DARE(rate, q=q), seed=seed)["w"]
    return rows @ (made - tuned["w"]).T


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("mean", [0.0, 0.1, 1.0])
def test_the_mean_square_is_least(rate, mean):
    base, tuned, rows = layer(1, mean=mean)
    c = rows[:, None, :] * (tuned["w"] - base["w"])

    def square(q: float) -> float:
        bias = (1 - (1 - rate) / q) * c.sum(axis=2)
        return float(np.mean(bias**2 + rate * (1 - rate) / q**2 * np.sum(c**2, axis=2)))

    found = rescaling(tuned, base, rate=rate, inputs={"w": rows})["w"]
    best = minimize_scalar(square, bounds=(1 - rate, 1), method="bounded", options={"xatol": 1e-9})
    assert square(found) <= best.fun * (1 + 1e-9) and 1 - rate <= found <= 1


def test_simulated_drops_change_least_there():
    """Mean squares over 300 drops, beside the two ends: DARE's own and no growth."""
    base, tuned, rows = layer(2, mean=1.0)
    found = rescaling(tuned, base, rate=0.95, inputs={"w": rows})["w"]
    assert 0.06 < found < 0.95

    def square(q: float) -> float:
        drops = [changed(base, tuned, rows, q, rate=0.95, seed=s) for s in range(300)]
        return float(np.mean(np.square(drops)))

    assert square(found) < 0.9 * min(square(0.05), square(1.0))


@pytest.mark.parametrize("eta", [0.05, 0.45])
def test_the_bound_of_the_paper_is_least_by_a_grid(eta):
    base, tuned, rows = layer(3)
    rate, grid = 0.9, np.linspace(0.1, 1, 90_001)
    c = rows[:, None, :] * (tuned["w"] - base["w"])
    sums, squares = np.abs(c.sum(axis=2)).ravel(), np.sum(c**2, axis=2).ravel()
    best = [
        grid[np.argmin(s * (1 - (1 - rate) / grid) + eta * phi(rate) * t / (4 * grid**2))]
        for s, t in zip(sums, squares, strict=True)
    ]
    found = rescaling(tuned, base, rate=rate, inputs={"w": rows}, eta=eta)["w"]
    assert found == pytest.approx(np.mean(best), abs=1e-5)


def test_the_bound_holds_as_often_as_it_says():
    """Of 400 drops, for each of 6 neurons, at gamma = .95."""
    rate, q, eta, gamma = 0.9, 0.2, 0.3, 0.95
    base, tuned, rows = layer(4)
    c = rows[0] * (tuned["w"] - base["w"])
    bound = np.abs(c.sum(axis=1)) * (1 - (1 - rate) / q)
    bound += eta * phi(rate) * np.sum(c**2, axis=1) / (4 * q**2) + np.log(2 / (1 - gamma)) / eta
    gaps = np.array([changed(base, tuned, rows[:1], q, rate=rate, seed=s)[0] for s in range(400)])
    hits = np.sum(np.abs(gaps) <= bound, axis=0)
    assert (hits >= binom.ppf(1e-4, 400, gamma)).all()


def test_phi_bounds_the_moments_of_a_bernoulli_variable():
    for rate in (0.01, 0.3, 0.5, 0.9, 0.999):
        s = np.linspace(-8, 8, 81)
        moments = (1 - rate) * np.exp(s * rate) + rate * np.exp(-s * (1 - rate))
        assert (np.log(moments) <= s**2 * phi(rate) / 4 + 1e-12).all()


def test_by_trial_the_least_change_is_found():
    base, tuned, rows = layer(5)

    def change(q: float) -> float:
        made = [changed(base, tuned, rows, q, rate=0.9, seed=s) for s in range(40)]
        return float(np.mean(np.square(made)))

    found = rescaling_by_change(change, rate=0.9, steps=10)
    tried = 1 / np.linspace(1, 10, 10)
    assert found == pytest.approx(tried[np.argmin([change(q) for q in tried])])
    assert rescaling_by_change(lambda q: np.inf if q < 0.5 else 1 / q, rate=0.9) == 1.0


def test_no_difference_needs_no_growth():
    base, _, rows = layer(6)
    assert rescaling(base, base, rate=0.9, inputs={"w": rows}) == {"w": 1.0}


def test_what_makes_no_sense_is_refused():
    base, tuned, rows = layer(7)
    with pytest.raises(
        EvidenceError, match=r"inputs of 'w' are \(40, 79\), its matrix is \(6, 80\)"
    ):
        rescaling(tuned, base, rate=0.9, inputs={"w": rows[:, 1:]})
    for wrong in ({"rate": 1.0}, {"rate": 0.9, "eta": 0.0}):
        with pytest.raises(UsageError, match=r"(rate is 1|eta is 0)"):
            rescaling(tuned, base, inputs={"w": rows}, **wrong)
    with pytest.raises(UsageError, match="steps is 1"):
        rescaling_by_change(float, rate=0.5, steps=1)
    with pytest.raises(EvidenceError, match="no change is finite"):
        rescaling_by_change(lambda _: np.nan, rate=0.5)
