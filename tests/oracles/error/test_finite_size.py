"""Oracles: a brute-force search of the cost in matrices, its limits, and DAPPER's table."""

import numpy as np
import pytest

from lorenz import step, twins
from trueup.core import UsageError
from trueup.error import EnsembleFilter, FiniteSizeInflation, Observations


def problem(members, seen, seed, scale=1.0, off=1.0):
    """S (1, n, p) and d (1, p)."""
    rng = np.random.default_rng(seed)
    Y = scale * rng.normal(size=(members, seen))
    return (Y - Y.mean(0))[None] / (members - 1) ** 0.5, off * rng.normal(size=(1, seen))


@pytest.mark.parametrize("members, seen", [(5, 3), (5, 12), (20, 12), (20, 40)])
@pytest.mark.parametrize("certainty", [1.0, 2.0])
@pytest.mark.parametrize("off", [0.3, 1.0, 10.0])
def test_it_is_the_least_of_a_cost_in_matrices(members, seen, certainty, off):
    S, d = problem(members, seen, 1, off=off)
    n, P = members, S[0].T @ S[0]
    # Over all directions of the ensemble, seen or not, as the formula says.
    h = np.mean(1 / (1 + np.linalg.eigvalsh(S[0] @ S[0].T).clip(0)))
    tilt = ((1 + 1 / n) / (n / (n - 1))) ** (h / 2)
    # Innovations outside the space that members see cost the same for every inflation.
    values, vectors = np.linalg.eigh(P)
    seen_part = vectors[:, values > 1e-9]
    u = seen_part @ seen_part.T @ d[0]

    def cost(x):
        distance = u @ np.linalg.solve(np.eye(seen) + x * P, u) / (n - 1)
        prior = (1 + 1 / n) / tilt / x + n / (n - 1) * tilt * np.log(x)
        return distance + certainty * prior

    grid = np.geomspace(0.3, 1_000, 4_001)
    best = grid[np.argmin([cost(x) for x in grid])]
    found = FiniteSizeInflation(certainty).factor(S, d)[0] ** 2
    assert cost(found) <= cost(best) + 1e-9
    assert found == pytest.approx(best, rel=4e-3)


def test_without_information_there_is_no_inflation():
    S, d = problem(10, 6, 2, scale=1e-5)
    assert FiniteSizeInflation().factor(S, d) == pytest.approx(1, abs=1e-4)
    assert FiniteSizeInflation().factor(0 * S, d) == pytest.approx(1, abs=1e-4)


def test_certainty_holds_it_near_one():
    S, d = problem(10, 30, 3, off=4.0)
    made = [FiniteSizeInflation(c).factor(S, d)[0] for c in (0.5, 1, 2, 1e3)]
    assert made[0] > made[1] > made[2] > made[3] > 0.95 and made[3] < 1.05


def test_experiments_do_not_touch_each_other():
    pairs = [problem(8, 5, seed, off=3 * seed + 0.1) for seed in range(4)]
    S, d = (np.concatenate(x) for x in zip(*pairs, strict=True))
    alone = [FiniteSizeInflation().factor(*pair)[0] for pair in pairs]
    assert FiniteSizeInflation().factor(S, d) == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize(("certainty", "expected"), [(1.0, 0.22), (2.0, 0.18)])
def test_lorenz_96_needs_no_tuning(certainty, expected):
    """DAPPER's ``sakov2008.py`` says .21 and .18; run for 20,000 times it gives .22 and .18."""
    E, truth, y = twins(24, 300, 24, seed=1)
    settings = EnsembleFilter(inflation=FiniteSizeInflation(certainty), rotate=True)
    made = settings.run(step, E, observations=Observations(y, 1.0, batched=True), dt=0.05)
    assert made.rmse(truth, burn_in=150).value == pytest.approx(expected, abs=0.005 + 3 * 0.003)
    assert (made.inflation > 0.9).all() and made.inflation.shape == (300, 24)


def test_certainty_must_be_positive():
    with pytest.raises(UsageError, match="certainty is 0"):
        FiniteSizeInflation(0)
