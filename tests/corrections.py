"""Every correction of the catalogue with what it needs beside the probabilities."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np

from trueup.core import Evidence, Probabilities
from trueup.core.cards import Card
from trueup.core.expressions import Key
from trueup.core.fitted import Fitted


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


def applied(fitted: Fitted, evidence: Evidence) -> Probabilities:
    """Corrected prediction of the evidence."""
    return fitted.correct(evidence)
