"""Proof over draws: its interval covers where rows, draws, and both together are luck."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from trueup.core.draws import over_draws
from trueup.core.errors import UsageError
from trueup.core.jackknife import Replicates
from trueup.core.outcome import Outcome


torch = pytest.importorskip("torch")

from digits import build, held_out, trained  # noqa: E402
from trueup.parameters import Trial, prove_draws, prove_weights  # noqa: E402


def replicates(rows: np.ndarray) -> Replicates:
    g = len(rows)
    return Replicates(rows.mean(), (rows.sum() - rows) / (g - 1), np.full(g, 1.0))


WORLDS = [(5, 100, 0.0, 1.0, 0.0), (5, 100, 1.0, 1.0, 0.0), (5, 100, 0.1, 1.0, 0.0),
          (5, 100, 0.2, 1.0, 0.5), (3, 60, 1.0, 1.0, 1.0), (5, 60, 0.0, 0.0, 1.0),
          (10, 40, 0.1, 1.0, 1.0)]  # fmt: skip


@pytest.mark.parametrize(("draws", "groups", "between", "of_rows", "both"), WORLDS)
def test_the_interval_covers_the_truth(draws, groups, between, of_rows, both):
    """Of 600 intervals of 95 % at least 92.5 % hold the truth, which is 0 (2.8 standard errors)."""
    rng = np.random.default_rng(1)
    hits, found = 0, []
    for _ in range(600):
        x = between * rng.normal(size=(draws, 1)) + of_rows * rng.normal(size=(1, groups))
        x = x + both * rng.normal(size=(draws, groups))
        made = over_draws([replicates(row) for row in x], level=0.95)
        hits += made.low <= 0 <= made.high
        found.append(made.between**2)
    assert hits / 600 >= 0.925
    assert hits / 600 <= 0.99
    if between == 1:
        assert math.sqrt(np.mean(found)) == pytest.approx(between, rel=0.1)


def test_one_draw_alone_covers_too_little():
    """What people do: the interval of the rows around one draw, called that of the method."""
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        rows = 0.2 * rng.normal() + rng.normal(size=100)
        one = replicates(rows)
        hits += abs(one.value) <= 1.98 * math.sqrt(one.variance)
    assert hits / 400 < 0.7


def test_equal_draws_are_one():
    rows = np.random.default_rng(0).normal(size=50)
    made = over_draws([replicates(rows)] * 4, level=0.95)
    half = 2.0096 * rows.std(ddof=1) / math.sqrt(50)  # t of 49 degrees of freedom
    assert (made.high - made.low) / 2 == pytest.approx(half, rel=1e-4)
    assert made.between == 0


def test_what_has_no_interval():
    rows = replicates(np.arange(5.0))
    assert math.isnan(over_draws([rows], level=0.95).low)
    assert over_draws([rows], level=0.95).how == "no interval: one draw"
    lost = Replicates(math.nan, rows.without * math.nan, rows.sizes)
    assert math.isnan(over_draws([rows, lost], level=0.95).high)


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial(*held_out(), arch=build)


def shaken(size: float):
    """Weights that luck moves by ``size`` of their own."""

    def make(seed: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        return {n: v * (1 + size * rng.normal(size=v.shape)).astype(v.dtype)
                for n, v in trained(0).items()}  # fmt: skip

    return make


def test_the_value_is_the_mean_of_proofs(trial):
    made = prove_draws(trained(0), shaken(0.2), on=trial, draws=4)
    single = [prove_weights(trained(0), shaken(0.2)(seed), on=trial) for seed in range(4)]
    assert made.draws == pytest.approx([one.difference.value for one in single])
    assert made.difference.value == pytest.approx(np.mean(made.draws))
    assert made.before == single[0].before
    assert made.after.value == pytest.approx(np.mean([one.after.value for one in single]))
    assert 0 <= made.between <= np.std(made.draws, ddof=1)
    json.dumps(made.to_dict(), allow_nan=False)


def test_the_luck_of_draws_is_found(trial):
    """Weights whose size is drawn: draws differ by much more than 900 rows explain."""

    def make(seed: int) -> dict[str, np.ndarray]:
        return {n: v * np.float32(1 + 0.3 * seed) for n, v in trained(0).items()}

    made = prove_draws(trained(0), make, on=trial, draws=6)
    assert made.between == pytest.approx(np.std(made.draws, ddof=1), rel=0.1)
    one = prove_weights(trained(0), make(3), on=trial).difference
    wide = made.difference.high - made.difference.low
    assert wide > 1.5 * (one.high - one.low) / np.sqrt(6)


def test_outcomes_over_draws(trial):
    good = trained(0)
    assert prove_draws(good, shaken(0.001), on=trial, margin=0.01).outcome is Outcome.NOT_WORSE
    assert prove_draws(good, shaken(0.5), on=trial, margin=0.01).outcome is Outcome.NO_IMPROVEMENT
    early = prove_draws(trained(0, 20), shaken(0.01), on=trial)
    assert early.outcome is Outcome.PROVEN
    broken = {n: np.full_like(v, np.nan) for n, v in good.items()}
    lost = prove_draws(good, lambda seed: broken if seed else good, on=trial, draws=2)
    assert lost.outcome is Outcome.NONFINITE
    json.dumps(lost.to_dict(), allow_nan=False)
    with pytest.raises(UsageError, match="draws is 1"):
        prove_draws(good, shaken(0.1), on=trial, draws=1)
