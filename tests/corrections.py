"""Every correction of the catalogue with what it needs beside the probabilities."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
from scipy.stats import norm

from trueup.core import Ensemble, Evidence, Intervals, Normal, Points, Quantiles
from trueup.core.cards import Card, all_cards
from trueup.core.expressions import Key
from trueup.core.fitted import Fitted
from trueup.core.laws import NUMBERS
from trueup.core.predictions import Prediction
from trueup.verbs import CORRECTIONS
from trueup.worlds import forecasts


SETTINGS: dict[str, dict] = {
    "PerGroup": {"column": "group"},
    "HierarchicalPlatt": {"column": "group"},
}
"""Settings of corrections that have no default for all of them."""


def correction(card: Card):
    """The settings that bear the card's name, with its own defaults."""
    return getattr(importlib.import_module(card.module), card.name)(**SETTINGS.get(card.name, {}))


def with_roles(evidence: Evidence, *, seed: int = 7) -> Evidence:
    """Evidence with a column of groups and two features, which say nothing of the truth."""
    rng, n = np.random.default_rng(seed), len(evidence)
    group = np.array(["a", "b", "it's"])[rng.integers(0, 3, n)]
    features = np.abs(rng.normal(size=(n, 2))).astype(np.float32).astype(np.float64)
    return replace(evidence, by={"group": group}, features=features)


def beside(fitted: Fitted, evidence: Evidence) -> dict[str, np.ndarray]:
    """What the correction reads of the evidence beside its prediction."""
    found = {}
    for name, need in fitted.needs.items():
        found[name] = evidence.by[name] if isinstance(need, Key) else evidence.features
    return found


def applied(fitted: Fitted, evidence: Evidence):
    """Corrected prediction of the evidence."""
    return fitted.correct(evidence)


def takes_numbers(card: Card) -> list[str]:
    """Kinds of forecast of a number that a correction takes, as its class says."""
    kind = getattr(importlib.import_module(card.module), card.name)
    return [k for k in NUMBERS if k in getattr(kind, "kinds", ())]


def number_cases() -> list[tuple[Card, str]]:
    """Every correction with every kind of forecast of a number that it takes.

    Conformal methods have a contract of their own: few rows are an error, nothing is left alone.
    """
    cards = [card for card in all_cards() if card.family in CORRECTIONS]
    cards = [card for card in cards if card.family != "conformal"]
    return [(card, kind) for card in cards for kind in takes_numbers(card)]


def number_evidence(
    kind: str, *, rows: int = 400, seed: int = 0, spread: float = 0.5, bias: float = 0.3, **roles
) -> Evidence:
    """Forecasts that are too narrow and too high, with a column of groups and two features."""
    made = forecasts(kind, spread=spread, bias=bias, rows=rows, members=8, seed=seed).evidence
    return with_roles(replace(made, **roles))


def score_of_rows(prediction: Prediction, truth: np.ndarray) -> np.ndarray:
    """A proper score (n,) of every row by its textbook formula: lower is better.

    CRPS of normal laws and ensembles, mean of twice the pinball loss of quantiles, interval score,
    absolute error of points.
    """
    if isinstance(prediction, Normal):
        u = (truth - prediction.mean) / prediction.sd
        inner = u * (2 * norm.cdf(u) - 1) + 2 * norm.pdf(u) - 1 / np.sqrt(np.pi)
        return prediction.sd * inner
    if isinstance(prediction, Ensemble):
        x, (n, m) = prediction.members, prediction.members.shape
        pairs = [np.abs(x[i, :, None] - x[i]).sum() for i in range(n)]
        return np.abs(x - truth[:, None]).mean(axis=1) - np.array(pairs) / (2 * m**2)
    if isinstance(prediction, Points):
        return np.abs(prediction.values - truth)
    if isinstance(prediction, Intervals):
        low, high, alpha = prediction.low, prediction.high, 1 - prediction.level
        miss = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
        return high - low + 2 / alpha * miss
    assert isinstance(prediction, Quantiles)
    off = truth[:, None] - prediction.values
    return 2 * np.where(off >= 0, prediction.levels * off, (prediction.levels - 1) * off).mean(1)


def comparable(before: Prediction, after: Prediction) -> Prediction:
    """``before`` in the words of ``after``: a normal law as quantiles where those came out."""
    if isinstance(before, Normal) and isinstance(after, Quantiles):
        places = norm.ppf(after.levels)
        return Quantiles(after.levels, before.mean[:, None] + before.sd[:, None] * places)
    return before
