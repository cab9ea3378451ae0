"""Claims of methods that promise a share, a risk or a rate: one new row of each of many worlds.

Each new row is right or wrong with a chance that the promise bounds, so counts are binomial and
every bound below fails honest code once in ten thousand suites.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr
from scipy.stats import binom

from claims.registry import claim
from linear_worlds import LinearWorld
from selections import SETTINGS, drawn
from trueup.calibration import (
    COLEP,
    PTT,
    AdaptiveConformal,
    ConformalRiskControl,
    ConformalSelection,
    LearnThenTest,
    OptCS,
    RSCPPlus,
    cv_plus,
    ridge_intervals,
)
from trueup.calibration.conformal.smoothing import moved
from trueup.core.cards import Card


RATE, WORLDS = 1e-4, 300


def at_least(hits: int, share: float, worlds: int = WORLDS) -> bool:
    """Whether so many hits agree with a chance of ``share`` or more."""
    return hits >= binom.ppf(RATE, worlds, share)


def at_most(hits: int, share: float, worlds: int = WORLDS) -> bool:
    """Whether so many hits agree with a chance of ``share`` or less."""
    return hits <= binom.ppf(1 - RATE, worlds, share)


@claim("long-run coverage of any sequence")
def long_run_coverage(card: Card) -> None:
    """Misses against a player who moves away from every interval, or stays, or jumps."""
    rng = np.random.default_rng(0)
    for level, rate in ((0.8, 0.05), (0.9, 0.5)):
        made = AdaptiveConformal(level, rate, window=40)
        state, missed, steps = made.start(), 0, 600
        for t in range(steps):
            step = state.intervals(0.0)
            reach = step.reach[0, 0]
            truth = (0.0, reach + 1 if np.isfinite(reach) else 1.0, rng.normal() * 50)[t // 7 % 3]
            missed += abs(truth) > reach
            state.update(step, truth)
        assert abs(missed / steps - (1 - level)) <= made.bound(steps) + 1e-9


@claim("covers at least 1 - 2 alpha")
def covers_at_least_twice(card: Card) -> None:
    """Least squares with as many columns as rows, whose residuals tell least of new rows."""
    hits = 0
    for seed in range(WORLDS):
        rng = np.random.default_rng([seed, 1])
        x = rng.normal(size=(31, 20))
        y = x[:, 0] + rng.standard_t(3, size=31)
        fold, inside, new = np.arange(30), np.empty(30), np.empty((1, 30))
        for k in range(30):
            b = np.linalg.lstsq(x[:30][fold != k], y[:30][fold != k], rcond=None)[0]
            inside[k], new[0, k] = x[k] @ b, x[30] @ b
        made = cv_plus(np.abs(y[:30] - inside), new, fold=fold)
        hits += bool(made.low[0] <= y[30] <= made.high[0])
    assert at_least(hits, 0.8)


@claim("covers exchangeable rows at its level")
def covers_exchangeable_rows(card: Card) -> None:
    """A wrong line through heavy tails, 29 rows and one new: chance 27 / 30, whatever the law."""
    hits = 0
    for seed in range(2_000):
        rng = np.random.default_rng([seed, 2])
        x = np.column_stack([np.ones(30), rng.normal(size=30)])
        y = np.exp(x[:, 1]) + rng.standard_t(2, size=30)
        made = ridge_intervals(x[:29], y[:29], new=x[29:], ridge=1.0, level=0.9)
        hits += bool(made.low[0] <= y[29] <= made.high[0])
    assert at_least(hits, 0.9, 2_000) and at_most(hits, 0.905, 2_000)


@claim("wrong thresholds are allowed no more often than said")
def wrong_thresholds_are_rare(card: Card) -> None:
    """Coins of known risk along a grid that neither rises nor falls."""
    risks = np.array([0.05, 0.13, 0.2, 0.13, 0.02, 0.13])
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(WORLDS):
        found = LearnThenTest(0.12, 0.8).fit((rng.random((200, 6)) < risks) * 1.0, risks)
        wrong += bool(found.allowed[risks > 0.12].any())
    assert at_most(wrong, 0.2)


@claim("expected loss of a new row is held")
def expected_loss_is_held(card: Card) -> None:
    """A loss in [0, 1] is turned into a coin of that chance."""
    cuts, heads = np.linspace(0, 1, 51), 0
    for seed in range(1_000):
        rng = np.random.default_rng([seed, 4])
        losses = np.clip(cuts - rng.random((31, 1)) ** 2, 0, 1)
        found = ConformalRiskControl(0.2).fit(losses[:30], cuts)
        heads += rng.random() < (0.0 if found.place is None else losses[30, found.place])
    assert at_most(heads, 0.2, 1_000)


@claim("coverage under the worst attack")
def coverage_under_the_worst_attack(card: Card) -> None:
    """One attacked row a world; sets that expect no attack lose it, unless ranks help them."""
    held = {"RSCPPlus": _smoothed, "PTT": _bent, "COLEP": _reasoned}[card.name]
    hits, plain = np.sum([held(seed) for seed in range(WORLDS)], axis=0)
    assert at_least(hits, 0.8)
    assert card.name == "PTT" or not at_least(plain, 0.8)


def _smoothed(seed: int, *, bent: bool = False) -> tuple[bool, bool]:
    world, rng = LinearWorld.of(3, apart=3.0, width=0.01), np.random.default_rng([seed, 5])
    x, y = world.drawn(181, rng)
    places, found = np.arange(180), []
    score = np.asarray
    if bent:
        score = PTT(bend=0.85).fit(world.scores(x[:100])[places[:100], y[:100]])
    for radius in (0.3, 0.0):
        settings = RSCPPlus(0.8, radius=radius, sigma=0.6, margin="none")
        own = score(world.draws(x[100:180], 0.6, 64, rng))[places[:80], y[100:180]]
        new = score(world.draws(world.attacked(x[180:], y[180:], 0.3), 0.6, 64, rng))
        found.append(bool(settings.fit(own).sets(new).members[0, y[180]]))
    return found[0], found[1]


def _bent(seed: int) -> tuple[bool, bool]:
    return _smoothed(seed, bent=True)


def _reasoned(seed: int) -> tuple[bool, bool]:
    """Six classes of five traits, probit detectors smoothed in closed form."""
    rng, traits = np.random.default_rng([seed, 6]), np.arange(6)[:, None] + 1 >> np.arange(3) & 1
    circuit, spread = COLEP(traits), math.sqrt(1.5)
    y = rng.integers(0, 6, 61)
    x = np.hstack([3 * np.eye(6)[y], 2.0 * (traits[y] - 0.5)]) + rng.normal(size=(61, 9))
    against = -np.concatenate([np.eye(6)[y[60]], 2 * traits[y[60]] - 1])
    x[60] += 0.8 * against / np.linalg.norm(against)
    pi, rho = ndtr((x[:, :6] - 1.5) / spread), ndtr(x[:, 6:] / spread)
    own = circuit.correct(pi[:60], rho[:60]).probs[np.arange(60), y[:60]]
    limit = np.sort(own)[60 - math.ceil(0.8 * 61)]
    boxes = [tuple(moved(a[60:], s * 0.8) for s in (-1, 1)) for a in (pi, rho)]
    certified = circuit.bounds(*boxes)[1][0, y[60]] >= limit
    plain = circuit.correct(pi[60:], rho[60:]).probs[0, y[60]] >= limit
    return bool(certified), bool(plain)


@claim("false discovery rate at most its level")
def false_discovery_rate(card: Card) -> None:
    """One selected row, drawn at random, is wrong with the chance of the rate."""
    wrong = 0
    for seed in range(WORLDS):
        rng = np.random.default_rng([seed, 8])
        x, mean, good = drawn(SETTINGS[0], 200, rng, noise=0.5)
        if card.name == "OptCS":
            scores = np.stack([mean + x[:, j] for j in range(4)])
            found = OptCS(0.3, seed=seed).select(
                good[:120], scores[:, :120], candidates=scores[:, 120:]
            )
        else:
            score = mean + x[:, 6]
            found = ConformalSelection(0.3, seed=seed).select(
                good[:120], score[:120], candidates=score[120:]
            )
        wrong += bool(len(found.rows)) and not good[120:][rng.choice(found.rows)]
    assert at_most(wrong, 0.3)
