"""Oracles: simulated correlations of known truth, and a filter that needs localisation."""

import numpy as np
import pytest

from lorenz import step, twins
from trueup.core import UsageError
from trueup.error import CorrelationTaper, EnsembleFilter, Observations


def correlations(r: np.ndarray, members: int, seed: int) -> np.ndarray:
    """A sample correlation of so many members for every true one."""
    rng = np.random.default_rng(seed)
    x, e = rng.normal(size=(2, len(r), members))
    y = r[:, None] * x + np.sqrt(1 - r**2)[:, None] * e
    x, y = (z - z.mean(1, keepdims=True) for z in (x, y))
    return (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))


@pytest.mark.parametrize("members", [8, 20, 80])
def test_correlations_of_few_members_scatter_by_the_formula(members):
    for r in (0.0, 0.3, 0.7):
        found = correlations(np.full(50_000, r), members, 1)
        variance = (1 - r**2) ** 2 / (members - 1)
        # The taper knows the first order in 1 / n; Hotelling 1953 gives the second, too.
        second = variance * (1 + 11 * r**2 / (2 * (members - 1)))
        assert found.var() == pytest.approx(second, rel=3 / members**2 + 0.03)


@pytest.mark.parametrize("members", [8, 20, 80])
def test_tapered_correlations_are_nearer_to_the_truth(members):
    rng = np.random.default_rng(0)
    true = np.where(rng.random(20_000) < 0.8, 0.0, rng.uniform(-1, 1, 20_000))
    found = correlations(true, members, 2)

    def off(r):
        return ((r - true) ** 2).mean()

    best_constant = min(off(found * c) for c in np.linspace(0, 1, 51))
    made = {s: off(found * CorrelationTaper(s).of(found, members)) for s in (0.2, 1.0)}
    assert made[1.0] < 0.75 * off(found) and made[1.0] < made[0.2] < off(found)
    # With eight members nothing tells a chance correlation of .4 from a true one.
    assert made[1.0] < best_constant or members == 8


def test_many_members_are_believed():
    r = np.array([0.2, 0.9, -0.5])
    assert CorrelationTaper().of(r, 10**6) == pytest.approx(1, abs=1e-4)
    assert CorrelationTaper().of(np.zeros(2), 50) == pytest.approx(0)


def test_ten_members_follow_lorenz_96_only_with_it():
    E, truth, y = twins(3, 250, 10, seed=3)
    same = {"observations": Observations(y, 1.0, batched=True), "dt": 0.05}
    made = EnsembleFilter(inflation=1.05, rotate=True, localisation=CorrelationTaper(2.0))
    near = made.run(step, E, **same).rmse(truth, burn_in=100).value
    far = EnsembleFilter(inflation=1.05, rotate=True).run(step, E, **same)
    assert near < 0.5 < far.rmse(truth, burn_in=100).value


@pytest.mark.parametrize("update", ["square_root", "serial", "deterministic", "perturbed"])
def test_every_update_takes_it(update):
    rng = np.random.default_rng(0)
    E = rng.normal(size=(400, 1)) + 0.3 * rng.normal(size=(400, 5))
    run = EnsembleFilter(update=update, localisation=CorrelationTaper()).run
    made = run(lambda x, dt: x, E, observations=Observations([[1.0] * 5], 1.0), dt=1.0)
    plain = EnsembleFilter(update=update).run(
        lambda x, dt: x, E, observations=Observations([[1.0] * 5], 1.0), dt=1.0
    )
    assert made.analysis == pytest.approx(plain.analysis, abs=0.02)


def test_strength_must_be_positive():
    with pytest.raises(UsageError, match="strength is -1"):
        CorrelationTaper(-1)
