"""Claims of corrections of forecasts of numbers, each a test on a world with known truth."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
from scipy.stats import norm, t

from claims.registry import claim
from corrections import SETTINGS, comparable, score_of_rows, takes_numbers, with_roles
from trueup.core import Ensemble, Evidence, Intervals, Normal, Points, Quantiles
from trueup.core.cards import Card
from trueup.core.laws import mean_of, quantile_of, sd_of
from trueup.core.predictions import Prediction
from trueup.worlds import ForecastWorld, forecasts


RATE, FITS = 1e-4, 12


def rows_of(card: Card, *, biased: bool = False) -> list:
    """The settings whose claim is tested: the default, and a shift where forecasts are biased."""
    kind = getattr(importlib.import_module(card.module), card.name)
    if card.name == "SpreadScaling":
        return [kind(shift="spread", loss=loss) for loss in ("crps", "log_score")] if biased else [
            kind(), kind(loss="log_score")]  # fmt: skip
    if card.name == "ConformalShift" and biased:
        return [kind(), kind(symmetric=False, scaled=True)]
    return [kind(**SETTINGS.get(card.name, {}))]


def near_zero(gaps: list[float], *, allowed: float, bound: float, about: object) -> None:
    """The mean of ``gaps`` by a t test at RATE, up to ``allowed``; it must be able to fail."""
    chance = t.ppf(1 - RATE / 2, len(gaps) - 1) * np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    assert abs(np.mean(gaps)) < chance + allowed, (about, np.mean(gaps), chance)
    assert chance < bound, (about, chance)


def stated_spread(after: Prediction, new: ForecastWorld) -> float:
    """Stated spread over the right one, of means of squares: members tell theirs with noise.

    The mean of m members misses the true mean by the chance of m draws, which a right spread around
    it has to hold; members that are as wide as that are drawn by the same chance themselves.
    """
    said, right = new.evidence.prediction, 1.0
    if isinstance(said, Ensemble):
        m = said.members.shape[1]
        right = 1 + new.spread**2 / m
        right /= 1 + 1 / m if isinstance(after, Ensemble) else 1
    return float(np.sqrt(np.mean((sd_of(after) / new.sd) ** 2) / right))


@claim("recovers the spread")
def recovers_the_spread(card: Card) -> None:
    """Stated over right spread on new rows over 12 fits, t test, up to 1.5 %.

    A law fitted to an ensemble of 20 reads a variance that is noisy itself: up to 5 %.
    """
    for kind in takes_numbers(card):
        for spread, bias in ((0.3, 0.0), (2.0, 0.0), (0.3, 0.5)):
            if bias and card.name not in ("SpreadScaling", "IsotonicCDF"):
                continue
            for settings in rows_of(card, biased=bias != 0):
                gaps = []
                for seed in range(FITS):
                    told = {"spread": spread, "bias": bias, "rows": 4_000}
                    fitted = settings.fit(forecasts(kind, seed=seed, **told).evidence)
                    new = forecasts(kind, seed=seed + 100, **told)
                    gaps.append(stated_spread(fitted.apply(new.evidence.prediction), new) - 1)
                own = 0.05 if fitted.takes.kind == "ensemble" != fitted.gives.kind else 0.015
                about = (settings, kind, spread, bias)
                near_zero(gaps, allowed=own, bound=0.06, about=about)


def moved(evidence: Evidence, by: float) -> Evidence:
    """Evidence whose forecasts are all higher by one number."""
    said = evidence.prediction
    names = {Points: ["values"], Normal: ["mean"], Quantiles: ["values"], Ensemble: ["members"],
             Intervals: ["low", "high"]}[type(said)]  # fmt: skip
    return replace(
        evidence, prediction=replace(said, **{name: getattr(said, name) + by for name in names})
    )


@claim("recovers the bias")
def recovers_the_bias(card: Card) -> None:
    """Mean of what is stated minus the true means on new rows over 12 fits, t test, up to 0.01."""
    for kind in takes_numbers(card):
        for settings in rows_of(card):
            gaps = []
            for seed in range(FITS):
                learn = moved(forecasts(kind, rows=4_000, seed=seed).evidence, 0.7)
                new = forecasts(kind, rows=4_000, seed=seed + 100)
                after = settings.fit(learn).apply(moved(new.evidence, 0.7).prediction)
                gaps.append(float(np.mean(mean_of(after) - new.mean)))
            near_zero(gaps, allowed=0.01, bound=0.08, about=(settings, kind))


def held(after: Prediction, truth: np.ndarray) -> dict[float, float]:
    """Level of a central interval -> share of truths inside; of an ensemble the range."""
    if isinstance(after, Ensemble):
        m = after.members.shape[1]
        inside = (after.members.min(axis=1) <= truth) & (truth <= after.members.max(axis=1))
        return {(m - 1) / (m + 1): float(inside.mean())}
    levels = (after.level,) if isinstance(after, Intervals) else (0.5, 0.9)
    ends = {c: (quantile_of(after, (1 - c) / 2), quantile_of(after, (1 + c) / 2)) for c in levels}
    return {c: float(((low <= truth) & (truth <= high)).mean()) for c, (low, high) in ends.items()}


@claim("covers its level")
def covers_its_level(card: Card) -> None:
    """Share of new truths in central intervals over 12 fits, t test, up to 1 point.

    Stretched members of an ensemble are no longer drawn alike: up to 2 points.
    """
    for kind in takes_numbers(card):
        for spread, bias in ((0.3, 0.0), (2.0, 0.0), (0.3, 0.5)):
            if bias and card.name == "EMOS":  # a bias in spreads is no line of the mean
                continue
            for settings in rows_of(card, biased=bias != 0):
                gaps: dict[float, list[float]] = {}
                for seed in range(FITS):
                    told = {"spread": spread, "bias": bias, "rows": 4_000}
                    fitted = settings.fit(forecasts(kind, seed=seed, **told).evidence)
                    new = forecasts(kind, seed=seed + 100, **told).evidence
                    for level, share in held(fitted.apply(new.prediction), new.truth).items():
                        gaps.setdefault(level, []).append(share - level)
                own = 0.02 if fitted.takes.kind == "ensemble" else 0.01
                for level, gap in gaps.items():
                    about = (settings, kind, spread, bias, level)
                    near_zero(gap, allowed=own, bound=0.03, about=about)


@claim("covers its level at every sample size")
def covers_at_every_sample_size(card: Card) -> None:
    """Exact share of the true law inside, mean of 1,500 fits, against ceil((n + 1) c) / (n + 1).

    Normal test, two sides: conformal quantiles of untied misses promise this number itself.
    """
    settings = rows_of(card)[0]
    for n in (9, 19, 33):
        shares = []
        for seed in range(1_500):
            world = forecasts("intervals", spread=0.5, bias=0.2, rows=n + 8, seed=seed)
            after = settings.fit(world.evidence.take(slice(0, n))).apply(
                world.evidence.prediction.take(slice(n, None))
            )
            assert isinstance(after, Intervals)
            mean, sd = world.mean[n:], world.sd[n:]
            inside = norm.cdf((after.high - mean) / sd) - norm.cdf((after.low - mean) / sd)
            shares.append(inside.mean())
        meant = np.ceil((n + 1) * 0.9 - 1e-9) / (n + 1)
        chance = norm.ppf(1 - RATE / 2) * np.std(shares) / np.sqrt(len(shares))
        assert abs(np.mean(shares) - meant) < chance < 0.02, (n, np.mean(shares), meant)
        assert 0.9 <= meant < 0.9 + 1 / (n + 1) + 1e-9


@claim("does no harm")
def does_no_harm(card: Card) -> None:
    """Perfect forecasts, 12 fits of 1,000 rows: the score on new rows rises by less than 1 %.

    One-sided t test: the rise less than 1 % plus chance, and chance below 1 %.
    """
    for kind in takes_numbers(card):
        for settings in rows_of(card):
            rises = []
            for seed in range(FITS):
                learn = with_roles(forecasts(kind, rows=1_000, seed=seed).evidence)
                new = forecasts(kind, rows=4_000, seed=seed + 100).evidence
                after = settings.fit(learn).correct(with_roles(new))
                before = score_of_rows(comparable(new.prediction, after), new.truth).mean()
                rises.append(score_of_rows(after, new.truth).mean() / before - 1)
            chance = t.ppf(1 - RATE, FITS - 1) * np.std(rises, ddof=1) / np.sqrt(FITS)
            assert np.mean(rises) < 0.01 + chance, (settings, kind, np.mean(rises))
            assert chance < 0.01, (settings, kind, chance)


@claim("matches the distribution of what happens")
def matches_the_distribution(card: Card) -> None:
    """Largest gap of distributions of new truths and corrected values: Kolmogorov's test at RATE.

    The map has noise of its own, as much as the new rows: their variances add.
    """
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x, new = rng.normal(size=20_000), rng.normal(size=20_000)
        y, fresh = (np.exp(rng.permutation(v) / 2) for v in (x, rng.normal(size=20_000)))
        after = rows_of(card)[0].fit(Evidence(Points(x), y)).apply(Points(new)).values
        both = np.sort(np.concatenate([fresh, after]))
        gap = np.abs(
            np.searchsorted(np.sort(fresh), both, side="right")
            - np.searchsorted(np.sort(after), both, side="right")
        ).max()
        assert gap / 20_000 < np.sqrt(np.log(2 / RATE) / 2 * 4 / 20_000)


@claim("never raises the WIS")
def never_raises_the_wis(card: Card) -> None:
    """Exact: no false alarms. Mean pinball loss of every row, by sorting and by projection."""
    kind = getattr(importlib.import_module(card.module), card.name)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        levels = np.sort(rng.choice(np.arange(1, 100), rng.integers(1, 12), replace=False)) / 100
        said = Quantiles(levels, rng.integers(-4, 5, (300, len(levels))) + 0.0)
        truth = rng.integers(-4, 5, 300) + rng.choice([0.0, 0.5], 300)
        for how in ("sort", "isotonic"):
            after = kind(how=how).fit(Evidence(said, truth)).apply(said)
            assert (np.diff(after.values, axis=1) >= 0).all()
            rise = score_of_rows(after, truth) - score_of_rows(said, truth)
            assert rise.max() < 1e-12


@claim("draws small groups towards all")
def draws_small_groups_towards_all(card: Card) -> None:
    """Score of new rows of 60 groups of 30 rows over 12 worlds, paired t tests at RATE.

    With a learned prior below one map for all, and below a map for each group by itself.
    """
    kind = getattr(importlib.import_module(card.module), card.name)
    group = np.repeat(np.arange(60), 30)
    for form in takes_numbers(card):
        gains = []
        for seed in range(FITS):
            rng = np.random.default_rng(seed)
            told = {"bias": rng.normal(0, 0.3, 60)[group], "rows": len(group)}
            made = (forecasts(form, seed=s, **told).evidence for s in (seed, seed + 100))
            learn, new = (replace(each, by={"group": group}) for each in made)
            scores = [
                score_of_rows(kind("group", prior=prior).fit(learn).correct(new), new.truth).mean()
                for prior in (None, np.inf, 0.0)
            ]
            gains.append([scores[1] - scores[0], scores[2] - scores[0]])
        gains = np.array(gains)
        score = gains.mean(axis=0) / (gains.std(axis=0, ddof=1) / np.sqrt(FITS))
        assert (score > t.ppf(1 - RATE, FITS - 1)).all(), (form, score)
