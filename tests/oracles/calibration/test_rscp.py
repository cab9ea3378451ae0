"""Oracles: the paper's inequality, smoothed scores in closed form, and the worst attack."""

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from linear_worlds import LinearWorld
from trueup.calibration import RSCPPlus
from trueup.calibration.conformal.smoothing import MARGINS, moved
from trueup.core.errors import EvidenceError, UsageError


RATE = 1e-4
"""False-alarm rate of each comparison."""


def test_sets_are_those_of_the_published_inequality():
    """Phi^-1(s - b) - radius / sigma <= Phi^-1(tau + b), b = sqrt(-ln(beta) / (2 d))."""
    rng = np.random.default_rng(0)
    own, all_ = (
        rng.random((200, 64)) ** 3,
        rng.random((50, 6, 64)) ** np.linspace(0.02, 4, 6)[:, None],
    )
    found = RSCPPlus(0.8, radius=0.1, sigma=0.3, failure=0.01).fit(own).sets(all_)
    b = math.sqrt(-math.log(0.01) / 128)
    tau = sorted(row.mean() for row in own)[math.ceil((0.8 + 0.02) * 201) - 1]
    for i in range(50):
        for j in range(6):
            low = all_[i, j].mean() - b
            inside = low <= 0 or norm.ppf(low) - 0.1 / 0.3 <= norm.ppf(min(tau + b, 1))
            assert found.members[i, j] == inside
    assert found.level == 0.8 and 0 < found.members.mean() < 1


def test_smoothing_in_closed_form():
    world, rng = LinearWorld.of(3), np.random.default_rng(1)
    x, _ = world.drawn(4, rng)
    draws = world.draws(x, 0.7, 200_000, rng)
    np.testing.assert_allclose(draws.mean(axis=2), world.smoothed(x, 0.7), atol=0.005)


@pytest.mark.parametrize("width", [0.001, 0.5, 3.0])
def test_no_attack_moves_a_smoothed_score_further(width):
    """And a score with a sharp edge is moved as far as the bound says."""
    world, rng = LinearWorld.of(4, width=width), np.random.default_rng(2)
    x, y = world.drawn(200, rng)
    each = np.arange(200), y
    clean = world.smoothed(x, 0.5)[each]
    worst = world.smoothed(world.attacked(x, y, 0.25), 0.5)[each]
    bound = moved(clean, 0.25 / 0.5)
    assert (worst <= bound + 1e-12).all()
    if width == 0.001:
        np.testing.assert_allclose(worst, bound, atol=1e-6)


@pytest.mark.parametrize("margin", ["hoeffding", "bernstein"])
def test_a_margin_fails_no_more_often_than_said(margin):
    """On either side, of means over 50 draws; shares of a Beta law, where margins are tight."""
    rng, failure, times = np.random.default_rng(3), 0.05, 4_000
    for a, b in ((0.02, 0.98), (0.5, 0.5), (5, 1)):
        draws = rng.beta(a, b, (times, 50))
        away = draws.mean(axis=1) - a / (a + b)
        width = MARGINS[margin](draws, failure)
        bound = binom.ppf(1 - RATE, times, failure)
        assert (away > width).sum() <= bound and (-away > width).sum() <= bound


def test_bernstein_by_its_formula():
    draws = np.random.default_rng(4).random((3, 20))
    v = [sum((x - row.mean()) ** 2 for x in row) / 19 for row in draws]
    expected = [math.sqrt(2 * u * math.log(200) / 20) + 7 * math.log(200) / (3 * 19) for u in v]
    np.testing.assert_allclose(MARGINS["bernstein"](draws, 0.01), expected, rtol=1e-12)


def held(settings, world, seeds, draws, *, attack=True, rows=80):
    """Of as many data sets, those whose one new row has its truth in its set; mean size."""
    inside, size = 0, 0.0
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 5])
        x, y = world.drawn(rows + 1, rng)
        own = world.draws(x[:rows], settings.sigma, draws, rng)[np.arange(rows), y[:rows]]
        new = world.attacked(x[rows:], y[rows:], settings.radius) if attack else x[rows:]
        found = settings.fit(own).sets(world.draws(new, settings.sigma, draws, rng)).members[0]
        inside, size = inside + found[y[rows]], size + found.sum() / seeds
    return int(inside), size


@pytest.mark.parametrize("margin", ["hoeffding", "bernstein", "none"])
def test_the_worst_attack_leaves_the_truth_inside(margin):
    settings = RSCPPlus(0.8, radius=0.3, sigma=0.6, margin=margin, failure=0.005)
    world = LinearWorld.of(3, apart=3.0)
    inside, size = held(settings, world, 300, 64)
    assert inside >= binom.ppf(RATE, 300, 0.8) and size < 3


def test_sets_that_expect_no_attack_lose_it():
    world = LinearWorld.of(3, apart=3.0, width=0.01)
    plain = RSCPPlus(0.8, radius=0.0, sigma=0.6, margin="none")
    inside = 0
    for seed in range(300):
        rng = np.random.default_rng([seed, 5])
        x, y = world.drawn(81, rng)
        own = world.smoothed(x, 0.6)[np.arange(81), y]
        fitted = plain.fit(np.repeat(own[:80, None], 2, axis=1))
        new = world.smoothed(world.attacked(x[80:], y[80:], 0.6), 0.6)
        inside += fitted.sets(np.repeat(new[:, :, None], 2, axis=2)).members[0, y[80]]
    assert inside < binom.ppf(RATE, 300, 0.8)


def test_too_few_rows_give_full_sets():
    fitted = RSCPPlus(0.9).fit(np.zeros((8, 4)))
    assert fitted.threshold == 1.0 and fitted.n == 8
    assert fitted.sets(np.ones((2, 5, 4))).members.all()


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (np.zeros((3, 1)), "scores have shape"),
        (np.zeros(3), "scores have shape"),
        (np.full((3, 4), 1.5), "scores reach from 1.5 to 1.5"),
        (np.full((3, 4), np.nan), "scores reach from nan"),
    ],
)
def test_bad_scores_are_refused(scores, said):
    with pytest.raises(EvidenceError, match=said):
        RSCPPlus().fit(scores)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"margin": "normal"}, "margin is 'normal'"),
        ({"level": 0.999}, r"level \+ 2 failure < 1"),
        ({"failure": 0}, "failure 0"),
        ({"sigma": 0.0}, "sigma 0"),
        ({"radius": -1.0}, "radius is -1"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        RSCPPlus(**settings)
