"""Every claim word on a card is one statistical test with a stated false-alarm rate.

A claim is written once, here; cards use its words, and a card that uses words without a test fails.
Rates are for a library without fault: how often the test would fail by chance alone. Seeds are
fixed, so a test either always fails or never.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from scipy.stats import binom, norm, t

import claims.aggregation
import claims.conformal
import claims.distributions
import claims.guarantees
import claims.merging  # noqa: F401 - all five register their claims
import forecast_worlds
from claims.registry import CLAIMS, claim
from corrections import SETTINGS, applied, with_roles
from trueup.calibration import PerGroup, PlattScaling, ece, log_loss
from trueup.core import Evidence, Probabilities
from trueup.core.cards import Card, read_cards
from trueup.core.measure import AbstractMeasure
from trueup.worlds import (
    autocorrelated,
    calibrated,
    clustered,
    confident_by_factor,
    confident_by_group,
    confused_classes,
    forecasts,
)
from truths import truth, truth_of_forecasts


RATE = 1e-4
"""False-alarm rate of each comparison."""


def method(card: Card):
    """The settings or the measure that bears the card's name."""
    found = getattr(importlib.import_module(card.module), card.name)
    return found(**SETTINGS.get(card.name, {})) if isinstance(found, type) else found


def loss_of(evidence: Evidence) -> float:
    """Mean log loss."""
    return log_loss(evidence.truth, evidence.prediction, weight=evidence.weight).value


def after(card: Card, learn: Evidence, *, on: Evidence | None = None) -> Evidence:
    """Evidence with predictions that the method has corrected."""
    learn, on = with_roles(learn), with_roles(on or learn)
    fitted = method(card).fit(learn)
    return Evidence(applied(fitted, on), on.truth, weight=on.weight)


@claim("covers its truth")
def covers_its_truth(card: Card) -> None:
    """Of 200 intervals at level .95 on 1,000 rows, as many hold the truth as .93 allows."""
    measure, tables = method(card), 200
    floor = binom.ppf(RATE, tables, 0.93)
    for kind in measure.kinds:
        if kind == "sets":  # a set holds the truth or not: the same share as of intervals
            continue
        true, make = _world(measure.name, kind)
        hits = 0
        for seed in range(tables):
            e = make(seed)
            found = measure(e.truth, e.prediction)
            hits += found.low <= true <= found.high
        assert hits >= floor, f"{kind}: {hits} of {tables}"


def _world(name: str, kind: str) -> tuple[float, Callable[[int], Evidence]]:
    """True value of a measure, and tables of 1,000 rows by seed."""
    if kind == "probabilities":
        return truth(
            name, 2.0, 0.3
        ), lambda seed: confident_by_factor(2.0, shift=0.3, rows=1_000, seed=seed).evidence
    wrong = {"spread": 0.8, "bias": 0.3, "members": 39}
    return truth_of_forecasts(
        name, kind, *wrong.values()
    ), lambda seed: forecasts(kind, rows=1_000, seed=seed, **wrong).evidence


@claim("is zero on average for a calibrated model")
def is_zero_on_average(card: Card) -> None:
    """Mean of the squared error over 400 calibrated tables against 0, t test."""
    measure = method(card)
    assert isinstance(measure, AbstractMeasure)
    for make in (calibrated, lambda n, seed: clustered(n, factor=1.0, seed=seed)):
        found = [measure.replicates(measure.cube(make(800, seed=s).evidence)) for s in range(400)]
        squared = np.array([made.value for made in found])
        score = squared.mean() / (squared.std(ddof=1) / np.sqrt(len(squared)))
        assert abs(score) < t.ppf(1 - RATE / 2, len(squared) - 1)
        assert (squared < 0).mean() > 0.3  # freed of noise, it is as often below 0


@claim("equals the mean ECE of a calibrated model")
def equals_the_mean_ece(card: Card) -> None:
    """Mean of ECE - floor over 300 calibrated tables: within 2 % of the floor and chance."""
    measure = method(card)
    for make in (
        lambda seed: calibrated(2_000, seed=seed),
        lambda seed: confident_by_factor(1.0, rows=2_000, classes=4, seed=seed),
    ):
        pairs = []
        for seed in range(300):
            e = make(seed).evidence
            pairs.append((ece(e.truth, e.prediction).value, measure(e.truth, e.prediction).value))
        gap = np.subtract(*np.array(pairs).T)
        chance = t.ppf(1 - RATE / 2, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap))
        assert abs(gap.mean()) < chance + 0.02 * np.mean(pairs, axis=0)[1]


@claim("holds its false-alarm rate")
def holds_its_false_alarm_rate(card: Card) -> None:
    """Share of p-values below .05 and .01 on 300 calibrated tables a law of dependence."""
    tables = 300
    for make in _calibrated(method(card)):
        p = np.array([
            method(card).estimate(method(card).cube(make(seed))).value for seed in range(tables)
        ])  # fmt: skip
        for level in (0.05, 0.01):
            # Dependent rows: the law of the statistic is approximate, and held to 1.4 levels.
            assert (p < level).sum() <= binom.ppf(1 - RATE, tables, 1.4 * level), (make, level)
        judged = p[~np.isnan(p)]  # a series whose rows go together for long is not judged
        assert len(judged) >= 0.95 * tables
        assert ((judged >= 0) & (judged <= 1)).all() and np.median(judged) < 0.75


def _calibrated(test) -> list[Callable[[int], Evidence]]:
    """Worlds without fault that a test may see."""
    if "probabilities" not in test.kinds:
        return [
            lambda seed, kind=kind, make=make: make(kind, rows=2_000, seed=seed)
            for kind in test.kinds
            for make in forecast_worlds.WORLDS.values()
        ]
    worlds = (
        lambda seed: calibrated(1_000, seed=seed),
        lambda seed: confident_by_factor(1.0, rows=1_000, classes=5, seed=seed),
        lambda seed: clustered(2_000, factor=1.0, seed=seed),
        lambda seed: autocorrelated(4_000, factor=1.0, seed=seed),
    )
    return [lambda seed, make=make: make(seed).evidence for make in worlds]


@claim("recovers the true temperature")
def recovers_the_true_temperature(card: Card) -> None:
    """Each scale within a normal interval of its own spread over 12 fits (t test of the mean)."""
    for factor, classes in ((2.0, 3), (0.5, 3), (3.0, 2)):
        scales = []
        for seed in range(12):
            e = confident_by_factor(factor, rows=8_000, classes=classes, seed=seed).evidence
            z = np.log(e.prediction.probs[:200])
            out = np.log(after(card, e).prediction.probs[:200])
            # d(log-odds out) / d(log-odds in), by least squares, for the first two classes
            x, y = z[:, 0] - z[:, 1], out[:, 0] - out[:, 1]
            scales.append(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
        spread = np.std(scales, ddof=1) / np.sqrt(len(scales))
        bound = t.ppf(1 - RATE / 2, len(scales) - 1) * spread
        assert abs(np.mean(scales) - 1 / factor) < bound < 0.1 / factor


@claim("recovers the true slope and shift")
def recovers_the_true_slope_and_shift(card: Card) -> None:
    """Corrected log-odds against the true ones over 12 fits, at five scores (t tests)."""
    true = np.array([-2.5, -1.0, 0.0, 1.0, 2.5])
    for factor, shift in ((2.0, 0.5), (0.6, -0.4)):
        said = expit(factor * true + shift)
        gaps = []
        for seed in range(12):
            world = confident_by_factor(factor, shift=shift, rows=8_000, seed=seed)
            probs = method(card).fit(world.evidence).apply(Probabilities(said)).probs
            gaps.append(logit(probs[:, 1]) - true)
        gaps = np.array(gaps)
        bound = t.ppf(1 - RATE / 10, 11) * gaps.std(axis=0, ddof=1) / np.sqrt(12)
        assert (np.abs(gaps.mean(axis=0)) < bound).all() and (bound < 0.3).all(), bound


@claim("recovers a true matrix")
def recovers_a_true_matrix(card: Card) -> None:
    """Corrected logits against the true ones over 12 fits, at three rows of scores (t tests).

    A penalty that fades with more rows leaves its trace in the mean: 0.02 a logit on 20,000 rows.
    """
    said = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.1, 0.7]])
    gaps = []
    for seed in range(12):
        world = confused_classes(20_000, seed=seed)
        true = np.log(said) @ world.truth["matrix"].T + world.truth["shift"]
        found = method(card).fit(world.evidence).apply(Probabilities(said)).log_probs()
        gaps.append(found - found.mean(axis=1, keepdims=True) - true)
    gaps = np.array(gaps)
    bound = t.ppf(1 - RATE / 18, 11) * gaps.std(axis=0, ddof=1) / np.sqrt(12)
    assert (np.abs(gaps.mean(axis=0)) < bound + 0.02).all() and (bound < 0.1).all(), bound


@claim("comes close to the true probabilities")
def comes_close_to_the_true_probabilities(card: Card) -> None:
    """Loss on 20,000 new rows beyond that of the true forecaster, mean of four worlds a law.

    Six numbers fitted on 4,000 rows cost 6 / 8,000 nats on average, and chance at RATE the rest.
    """
    laws = (
        lambda seed, rows: confident_by_factor(2.0, shift=0.5, rows=rows, seed=seed),
        lambda seed, rows: confident_by_factor(0.5, rows=rows, seed=seed),
        lambda seed, rows: confident_by_factor(1.0, rows=rows, seed=seed),
    )
    for law in laws:
        excess = []
        for seed in range(4):
            new = law(seed + 100, 20_000)
            said = new.evidence.prediction.probs[:, 1]
            now = after(card, law(seed, 4_000).evidence, on=new.evidence).prediction.log_probs()
            p = new.curve(np.clip(said, 1e-12, 1 - 1e-12))
            excess.append(-np.mean(p * now[:, 1] + (1 - p) * now[:, 0]) - np.mean(
                -p * np.log(p) - (1 - p) * np.log1p(-p)))  # fmt: skip
        assert 0 <= np.mean(excess) < 0.003, excess


@claim("keeps the ranking of classes")
def keeps_the_ranking_of_classes(card: Card) -> None:
    """Exact: no false alarms. Order of classes in every row, on new rows too."""
    for factor in (0.4, 2.0, 5.0):
        learn = confident_by_factor(factor, rows=500, classes=5, seed=1).evidence
        new = Probabilities(softmax(np.random.default_rng(2).normal(0, 4, (500, 5)), axis=1))
        rows = with_roles(Evidence(new, np.zeros(500, int)))
        corrected = applied(method(card).fit(with_roles(learn)), rows)
        before, now = new.log_probs(), corrected.log_probs()
        order = before.argsort(axis=1)
        # A strong cooling makes neighbours equal to rounding, never the other way round.
        assert (np.diff(np.take_along_axis(now, order, axis=1), axis=1) > -1e-12).all()
        assert (np.take_along_axis(now, order, axis=1)[:, -1] == now.max(axis=1)).all()


@claim("does not raise the loss it is fitted on")
def does_not_raise_the_loss(card: Card) -> None:
    """Exact: no false alarms. Weighted, small, calibrated and shifted evidence."""
    for seed, (rows, classes, factor) in enumerate(
        ((20, 3, 2.0), (200, 2, 1.0), (1_000, 4, 0.5), (1_000, 2, 4.0))
    ):
        e = confident_by_factor(factor, rows=rows, classes=classes, seed=seed).evidence
        weight = np.random.default_rng(seed).exponential(size=rows)
        learn = Evidence(e.prediction, e.truth, weight=weight)
        assert loss_of(after(card, learn)) <= loss_of(learn) + 1e-9


@claim("never falls")
def never_falls(card: Card) -> None:
    """Exact: no false alarms. The corrected event probability rises with the stated one."""
    for seed in range(5):
        e = confident_by_factor(2.0, rows=300, seed=seed).evidence
        said = np.linspace(0, 1, 2_001)
        now = method(card).fit(e).apply(Probabilities(said)).probs[:, 1]
        assert (np.diff(now) >= 0).all() and now[-1] > now[0]


@claim("keeps the base rate")
def keeps_the_base_rate(card: Card) -> None:
    """Exact on the rows of the fit, weighted, up to half a surprise a bin."""
    for seed in range(5):
        e = confident_by_factor(2.0, shift=1.0, rows=2_000, seed=seed).evidence
        weight = np.random.default_rng(seed).integers(1, 4, 2_000)
        learn = Evidence(e.prediction, e.truth, weight=weight)
        said = after(card, learn).prediction.probs[:, 1]
        assert np.average(said, weights=weight) == pytest.approx(
            np.average(e.truth, weights=weight), abs=1e-9
        )


@claim("keeps scores apart")
def keeps_scores_apart(card: Card) -> None:
    """Exact: no false alarms. All but the outer twentieths of the scores rise strictly."""
    for seed in range(5):
        e = confident_by_factor(2.0, rows=3_000, seed=seed).evidence
        said = np.quantile(e.prediction.probs[:, 1], np.linspace(0.05, 0.95, 1_001))
        now = method(card).fit(e).apply(Probabilities(said)).probs[:, 1]
        assert (np.diff(now) > 0).all()


CURVES = (lambda x: 2 * np.tanh(x / 1.5), lambda x: np.where(x > 0, 0.4 * x, 1.2 * x), np.cbrt)


@claim("follows any rising curve")
def follows_any_rising_curve(card: Card) -> None:
    """On 20,000 rows the loss above that of the truth is below 0.005 nats; exact on new rows."""
    for seed, curve in enumerate(CURVES):
        rng = np.random.default_rng(seed)
        x, new = rng.normal(0, 2, 20_000), rng.normal(0, 2, 5_000)
        y = (rng.random(20_000) < expit(curve(x))).astype(int)
        fitted = method(card).fit(Evidence(Probabilities(expit(x)), y))
        said, true = fitted.apply(Probabilities(expit(new))).log_probs(), expit(curve(new))
        best = true * np.log(true) + (1 - true) * np.log1p(-true)
        above = (best - true * said[:, 1] - (1 - true) * said[:, 0]).mean()
        start = (best - true * np.log(expit(new)) - (1 - true) * np.log(expit(-new))).mean()
        assert above < 0.005 < 0.02 < start


@claim("holds its validity theorem")
def holds_its_validity_theorem(card: Card) -> None:
    """The probability of the two that belongs to what happened, against it: t tests on parts."""
    rng, pairs = np.random.default_rng(0), []
    for _ in range(4_000):
        z = rng.normal(0, 1.5, 26)
        y = (rng.random(26) < expit(z)).astype(int)
        x = 3 * z + 1  # a bad model; the theorem does not care
        fitted = method(card).fit(Evidence(Probabilities(expit(x[1:])), y[1:]))
        low, high = fitted.map.interval(x[:1])[0]
        pairs.append((y[0], high if y[0] else low))
    y, p = np.array(pairs).T
    part = np.digitize(p, np.quantile(p, [0.2, 0.4, 0.6, 0.8]))
    for rows in (part >= 0, *(part == j for j in range(5))):
        gap = (y - p)[rows]
        assert abs(gap.mean()) < norm.ppf(1 - RATE / 2) * gap.std() / np.sqrt(len(gap))
    assert 0.3 < y.mean() < 0.7


@claim("corrects every group")
def corrects_every_group(card: Card) -> None:
    """Sums of surprises in each group of new rows, normal test; the pooled map fails it."""
    world = confident_by_group(groups=12, rows=4_000, seed=1)
    e = world.evidence
    half = np.random.default_rng(0).random(len(e)) < 0.5
    learn, new = e.take(half), e.take(~half)
    scores = []
    for settings in (method(card), PlattScaling()):
        said = settings.fit(learn).correct(new).probs[:, 1]
        for g in np.unique(new.by["group"]):
            rows = new.by["group"] == g
            spread = np.sqrt((said[rows] * (1 - said[rows])).sum())
            scores.append((new.truth[rows] - said[rows]).sum() / spread)
    own, pooled = np.abs(scores[:12]), np.abs(scores[12:])
    # Lines learned on as many rows as they are judged by: the variance doubles.
    assert own.max() < norm.ppf(1 - RATE / 24) * np.sqrt(2) < pooled.max()


@claim("beats pooled and separate fits of small groups")
def beats_pooled_and_separate_fits(card: Card) -> None:
    """Squared error of shifts and slopes over 20 worlds of 60 small groups, paired t tests."""
    gains = []
    for seed in range(20):
        world = confident_by_group(groups=60, rows=60, seed=seed)
        lines = method(card).fit(world.evidence).map.lines
        maps = PerGroup("group", least=30).fit(world.evidence).map.maps
        separate = np.array([[m.intercept, m.slope] for m in maps])
        found = [lines[-1:], separate, lines[:-1]]
        errors = [((made - world.lines) ** 2).mean(axis=0) for made in found]
        gains.append(np.concatenate([errors[0] - errors[2], errors[1] - errors[2]]))
    gains = np.array(gains)
    score = gains.mean(axis=0) / (gains.std(axis=0, ddof=1) / np.sqrt(20))
    assert (score > t.ppf(1 - RATE, 19)).all(), score


def _rows_with_temperature(temperature, *, rows: int, seed: int, features) -> Evidence:
    """Rows whose stated logits are the true ones times a temperature of their own."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, (rows, 3))
    truth = (z - np.log(-np.log(rng.random((rows, 3))))).argmax(axis=1)
    said = Probabilities.from_logits(z * temperature[:, None])
    return Evidence(said, truth, features=features)


@claim("recovers the effect of distance")
def recovers_the_effect_of_distance(card: Card) -> None:
    """The scale 0.8 + 2 s at three distances over 12 fits, t test; a useless feature gets none."""
    at, found = np.array([[0.1, 0.5], [0.5, 0.5], [1.0, 0.5]]), []
    for seed in range(12):
        s = np.random.default_rng(seed).random((8_000, 2))
        e = _rows_with_temperature(0.8 + 2 * s[:, 0], rows=8_000, seed=seed, features=s)
        m = method(card).fit(e).map
        found.append((m.shift + at @ m.weights) * m.after.temperature)
    gap = np.array(found) - (0.8 + 2 * at[:, 0])
    bound = t.ppf(1 - RATE / 6, 11) * gap.std(axis=0, ddof=1) / np.sqrt(12)
    # A weight that cannot be negative is above 0 by chance: half its spread, about 0.01.
    assert (np.abs(gap.mean(axis=0)) < bound + 0.02).all() and (bound < 0.2).all()


@claim("recovers the scale of every row")
def recovers_the_scale_of_every_row(card: Card) -> None:
    """Logarithms of the temperature at five points over 12 fits, t test, up to 2 %."""
    at, gaps = np.linspace(-1.5, 1.5, 5)[:, None], []

    def true(x: np.ndarray) -> np.ndarray:
        return 10 ** (2 * expit(0.8 * x + 0.4) - 1)

    for seed in range(12):
        x = np.random.default_rng(100 + seed).normal(size=40_000)
        e = _rows_with_temperature(true(x), rows=40_000, seed=seed, features=x)
        gaps.append(np.log(method(card).fit(e).map.temperatures(at) / true(at[:, 0])))
    gap = np.array(gaps)
    bound = t.ppf(1 - RATE / 10, 11) * gap.std(axis=0, ddof=1) / np.sqrt(12)
    assert (np.abs(gap.mean(axis=0)) < bound + 0.02).all() and (bound < 0.2).all()


CASES = [(card, words) for card in read_cards() for words in card.claims]


@pytest.mark.parametrize(("card", "words"), CASES, ids=lambda x: getattr(x, "name", x))
def test_claim_holds(card, words):
    assert words in CLAIMS, f"{card.name} claims '{words}', which no test measures"
    CLAIMS[words](card)


def test_no_claim_test_is_idle():
    assert {words for _, words in CASES} == set(CLAIMS)


def test_a_false_claim_is_caught():
    """The tests have power: a method that does nothing recovers no temperature."""
    nothing = next(card for card in read_cards() if card.name == "DoNothing")
    for words in (
        "recovers the true temperature",
        "recovers the true slope and shift",
        "recovers the spread",
        "recovers the bias",
        "covers its level",
        "covers its level at every sample size",
        "matches the distribution of what happens",
    ):
        with pytest.raises(AssertionError):
            CLAIMS[words](nothing)
    assert norm.ppf(1 - RATE / 2) > 3.8
