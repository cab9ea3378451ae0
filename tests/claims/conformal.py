"""Claims of conformal methods: their exact laws, by simulation.

With n known rows and m new ones, exchangeable and without ties, the number of new rows inside is
Beta-binomial. A test of every table's place in its law sees a rank that is off by one.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import numpy as np
from scipy.special import softmax
from scipy.stats import betabinom, kstest, norm, t

from claims.registry import claim
from trueup.core import Evidence, Points, Probabilities
from trueup.core.cards import Card
from trueup.core.correction import AbstractCorrection
from trueup.core.predictions import Quantiles, Sets
from trueup.worlds import confident_by_factor, forecasts


RATE, TABLES = 1e-4, 500

SCORES = {
    "ConformalSets": [
        ("three", {"score": "lac"}),
        ("three", {"score": "margin"}),
        ("three", {"score": "aps", "seed": 1}),
        ("three", {"score": "raps", "seed": 1}),
        ("three", {"score": "saps", "seed": 1}),
    ],
    "ConformalIntervals": [
        ("points", {"score": "residual"}),
        ("ensemble", {"score": "scaled"}),
        ("normal", {"score": "cqr"}),
        ("intervals", {"score": "cqr_r"}),
        ("quantiles", {"score": "cqr_m"}),
    ],
    "ConformalDistribution": [
        ("points", {"score": "residual"}),
        ("normal", {"score": "scaled"}),
    ],
}
"""Card -> kinds of prediction and settings whose scores have no ties."""


def settings(card: Card, *, level: float, **more) -> AbstractCorrection:
    """The method that promises ``level``: of a distribution the share below one quantile."""
    kind = getattr(importlib.import_module(card.module), card.name)
    asked = {"levels": (level,)} if card.name == "ConformalDistribution" else {"level": level}
    return kind(**asked, **more)


def inside(made, truth: np.ndarray) -> np.ndarray:
    """Whether (n,) truths are in their sets or intervals, or at or below their quantile."""
    if isinstance(made, Sets):
        return made.members[np.arange(len(truth)), truth]
    if isinstance(made, Quantiles):
        return truth <= made.values[:, 0]
    return (made.low <= truth) & (truth <= made.high)


def tables(kind: str, *, rows: int) -> Iterator[Evidence]:
    """Tables of a poor model, each of other rows."""
    if kind == "three":
        world = confident_by_factor(2.0, rows=rows * TABLES, classes=3).evidence
    else:
        world = forecasts(kind, rows=rows * TABLES, spread=0.5, bias=0.3).evidence
    return (world.take(slice(i * rows, (i + 1) * rows)) for i in range(TABLES))


class Places:
    """Places of hits in their Beta-binomial laws: uniform, if each law is right."""

    def __init__(self) -> None:
        self.rng, self.at, self.score = np.random.default_rng(0), [], []

    def add(self, hits: int, *, known: int, new: int, level: float, off: int = 0) -> None:
        """One table; ``off`` moves the rank, to see whether the test would notice."""
        rank = int(np.ceil(level * (known + 1) - 1e-9)) - off
        law = betabinom(new, rank, known + 1 - rank)
        self.at.append(law.cdf(hits - 1) + self.rng.random() * law.pmf(hits))
        self.score.append((hits - law.mean()) / law.std())

    @property
    def right(self) -> bool:
        """Kolmogorov's test of the places and a normal test of the mean, each at RATE / 2."""
        mean = np.sum(self.score) / np.sqrt(len(self.score))
        uniform = kstest(self.at, "uniform").pvalue > RATE / 2
        return bool(uniform and abs(mean) < norm.ppf(1 - RATE / 4))


@claim("finite-sample marginal coverage")
def finite_sample_marginal_coverage(card: Card) -> None:
    """New rows inside, on 500 tables of 39 known and 40 new rows: the law, and no other rank."""
    for kind, more in SCORES[card.name]:
        exact, wrong = Places(), Places()
        for table in tables(kind, rows=79):
            known, new = table.take(slice(0, 39)), table.take(slice(39, None))
            made = settings(card, level=0.8, **more).fit(known).apply(new.prediction)
            hits = int(inside(made, new.truth).sum())
            exact.add(hits, known=39, new=40, level=0.8)
            wrong.add(hits, known=39, new=40, level=0.8, off=1)
        assert exact.right, (kind, more, np.mean(exact.score))
        assert not wrong.right, (kind, more)


@claim("class-conditional coverage")
def class_conditional_coverage(card: Card) -> None:
    """The law within each class, given its rows; a class of too few is in every set.

    One threshold for all fails it: the model knows the first class far better.
    """
    every, pooled = Places(), Places()
    rng = np.random.default_rng(1)
    for _ in range(TABLES):
        truth = rng.choice(3, 150, p=[0.5, 0.48, 0.02])
        tilt = np.array([2.5, 0.0, -0.5])[truth]
        z = rng.normal(size=(150, 3)) + tilt[:, None] * np.eye(3)[truth]
        table = Evidence(Probabilities(softmax(z, axis=1)), truth)
        known, new = table.take(slice(0, 75)), table.take(slice(75, None))
        for places, per in ((every, "class"), (pooled, "all")):
            made = settings(card, level=0.8, per=per).fit(known).apply(new.prediction)
            for j in range(3):
                mine, n = new.truth == j, int((known.truth == j).sum())
                if n < 4:
                    assert per == "all" or made.members[:, j].all()
                elif mine.any():
                    hits = int(inside(made, new.truth)[mine].sum())
                    places.add(hits, known=n, new=int(mine.sum()), level=0.8)
    assert every.right, np.mean(every.score)
    assert not pooled.right


@claim("coverage in every group")
def coverage_in_every_group(card: Card) -> None:
    """The law within each of two groups, whose models err differently; without groups it fails."""
    kind, more = SCORES[card.name][0]
    every, pooled = Places(), Places()
    for calm, wild in zip(tables(kind, rows=80), harder(kind, rows=80), strict=True):
        group = np.repeat(["calm", "wild"], 80)
        table = joined(calm, wild, {"group": group})
        known = np.arange(160) % 2 == 0
        learn, new = table.take(known), table.take(~known)
        for places, per in ((every, "group"), (pooled, "all")):
            made = settings(card, level=0.8, per=per, **more).fit(learn).correct(new)
            for name in ("calm", "wild"):
                mine = new.by["group"] == name
                places.add(int(inside(made, new.truth)[mine].sum()), known=40, new=40, level=0.8)
    assert every.right, np.mean(every.score)
    assert not pooled.right


def harder(kind: str, *, rows: int) -> Iterator[Evidence]:
    """Tables of a model that errs far more."""
    if kind == "three":
        world = confident_by_factor(8.0, rows=rows * TABLES, classes=3, seed=7).evidence
    else:
        world = forecasts(kind, rows=rows * TABLES, spread=0.5, bias=6.0, seed=7).evidence
    return (world.take(slice(i * rows, (i + 1) * rows)) for i in range(TABLES))


def joined(one: Evidence, two: Evidence, by: dict) -> Evidence:
    """The rows of both."""
    a, b = one.prediction, two.prediction
    if isinstance(a, Points):
        both = Points(np.concatenate([a.values, b.values]))
    else:
        both = Probabilities(np.concatenate([a.probs, b.probs]))
    return Evidence(both, np.concatenate([one.truth, two.truth]), by=by)


@claim("coverage under a known covariate shift")
def coverage_under_a_known_covariate_shift(card: Card) -> None:
    """Mean share inside over 1,500 fits of 60 rows, t tests: the level at least; at most the level
    and the mean of the greatest normalised weight. Without the ratio it is below the level.
    """
    rng = np.random.default_rng(2)
    weighted, plain, most = [], [], []
    for _ in range(1_500):
        x = np.concatenate([rng.normal(0, 1, 60), rng.normal(1, 1, 8)])
        w = np.exp(x - 0.5)
        table = shifted(card, x, w, rng)
        known, new = table.take(slice(0, 60)), table.take(slice(60, None))
        for found, more in ((weighted, {"ratio": "w"}), (plain, {})):
            made = settings(card, level=0.8, **more).fit(known).correct(new)
            found.append(inside(made, new.truth).mean())
        most.append(np.mean([max(w[:60].max(), v) / (w[:60].sum() + v) for v in w[60:]]))
    assert below(weighted, 0.8 + np.mean(most)) and below(-np.array(weighted), -0.8)
    assert not below(-np.array(plain), -0.8)


def below(found, limit: float) -> bool:
    """Whether a mean of ``found`` is at most ``limit``, up to chance at RATE."""
    chance = t.ppf(1 - RATE, len(found) - 1) * np.std(found, ddof=1) / np.sqrt(len(found))
    return bool(np.mean(found) <= limit + chance)


def shifted(card: Card, x: np.ndarray, w: np.ndarray, rng: np.random.Generator) -> Evidence:
    """Rows whose model errs more the larger x is."""
    if card.name != "ConformalSets":
        return Evidence(Points(x), x + rng.normal(size=len(x)) * np.exp(x), by={"w": w})
    truth = rng.integers(0, 3, len(x))
    z = rng.normal(size=(len(x), 3)) + (1.0 - x)[:, None] * np.eye(3)[truth]
    return Evidence(Probabilities(softmax(z, axis=1)), truth, by={"w": w})
